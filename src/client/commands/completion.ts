import completions from '@bomb.sh/tab/commander';
import type { Command } from 'commander';
import { EXIT } from '../../contracts/errors.ts';
import type { Context } from '../context.ts';

/**
 * For bash our own: that of the library needs the package bash-completion, and runs what stands on the line. This one needs bash alone, also
 * the 3.2 of macOS. Bash breaks words at `=` and `:`, the program does not: words are taken from the line, and of an answer only
 * what follows the last break is handed back. Where there is none, bash offers files.
 */
const BASH = `# bash completion for tributary
_tributary() {
  local line="\${COMP_LINE:0:COMP_POINT}" words current answer
  read -ra words <<< "$line"
  case "$line" in *[[:space:]]) words+=("") ;; esac
  current="\${words[\${#words[@]}-1]}"
  COMPREPLY=()
  while IFS= read -r answer; do
    answer="\${answer%%$'\\t'*}"
    case "$answer" in
      "" | :*) ;;
      "\${current#*=}"*) COMPREPLY+=("$answer") ;;
    esac
  done < <(tributary complete -- "\${words[@]:1}" 2> /dev/null)
}
complete -o default -F _tributary tributary
`;

/** `tributary completion SHELL`: prints the script that asks `tributary complete` for each word. @returns the exit code */
export function completionScript({ output }: Context, program: Command, shell: string): number {
  if (shell === 'bash') output.answer(BASH, () => BASH);
  else completionsOf(program).setup(program.name(), program.name(), shell);
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
