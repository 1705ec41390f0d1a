import completions from '@bomb.sh/tab/commander';
import type { Command } from 'commander';
import { EXIT } from '../../contracts/errors.ts';

/** `tributary completion SHELL`: prints the script that asks `tributary complete` for each word. @returns the exit code */
export function completionScript(program: Command, shell: string): number {
  completionsOf(program).setup(program.name(), program.name(), shell);
  return EXIT.ok;
}

/** `tributary complete -- WORDS`: what may follow. Asked by that script. @returns the exit code */
export function complete(program: Command, words: readonly string[]): number {
  completionsOf(program).parse(words[0] === '--' ? words.slice(1) : [...words]);
  return EXIT.ok;
}

/** The library adds a command of its own to the program, which is none of ours. */
function completionsOf(program: Command): ReturnType<typeof completions> {
  const root = completions(program, { completionCommandName: 'completions' });
  root.commands.delete('completions');
  return root;
}
