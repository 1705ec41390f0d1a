/** The options of the command line, in the groups that its help shows them in. Names are public API. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { parseDurationMs } from '../../contracts/units.ts';

const choice = (flags: string, description: string, choices: readonly string[]): Option => new Option(flags, description).choices(choices);

function said(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('It must not be empty.');
  return text;
}

/** `--name value` as often as one likes. */
const list = (flags: string, description: string): Option =>
  new Option(flags, description).argParser((value: string, before: readonly string[] | undefined) => [...before ?? [], value]);

function group(command: Command, heading: string, options: readonly Option[]): void {
  for (const option of options) command.addOption(option.helpGroup(heading));
}

export function addCommonOptions(program: Command): void {
  group(program, 'Output:', [
    choice('-o, --output <format>', 'how the answer is printed', ['text', 'json', 'jsonl']).default('text'),
    new Option('-v, --verbose', 'say more'),
    new Option('-q, --quiet', 'print the answer and errors only').conflicts('verbose'),
    choice('--color <when>', 'colours', ['auto', 'always', 'never']).default('auto'),
  ]);
  group(program, 'Connection:', [
    new Option('--address <host:port>', 'Temporal server; without one, and none in TEMPORAL_ADDRESS or temporal.toml, local mode'),
    new Option('--namespace <name>', 'Temporal namespace'),
    new Option('--profile <name>', 'profile of temporal.toml'),
    new Option('--config <file>', 'configuration; default: tributary.yaml here, or in the configuration directory'),
  ]);
}

/** Include and exclude in the order in which they were written. */
export interface FilterFlag { readonly include?: string; readonly exclude?: string }

export function addSelectionOptions(command: Command): void {
  // One list for both, so that their order is kept.
  const filters: FilterFlag[] = [];
  const filter = (name: 'include' | 'exclude', description: string): Option => new Option(`--${name} <glob>`, description).argParser((glob: string) => {
    filters.push({ [name]: said(glob) });
    return filters;
  });
  group(command, 'Selection:', [
    filter('include', 'take keys that match, relative to the source; of several the last match wins'),
    filter('exclude', 'leave out keys that match'),
    new Option('--min-size <size>', 'skip smaller objects'),
    new Option('--max-size <size>', 'skip larger objects'),
    new Option('--min-age <duration>', 'skip objects younger than this, as 15m: they may still be written'),
    new Option('--modified-after <instant>', 'take objects modified at this date or instant, or later'),
    new Option('--modified-before <instant>', 'take objects modified before this date or instant'),
    new Option('--files-from <file>').hideHelp(),
  ]);
}

export function addMergeOptions(command: Command): void {
  group(command, 'Merge:', [
    new Option('--lines <n>', 'lines of a chunk (default: 25500)'),
    new Option('--size <size>', 'about this many bytes a chunk, cut at a line end, as 128MiB').conflicts('lines'),
    new Option('--group-by <what>', 'what is merged together: directory, or depth:N for everything under the first N directories'),
    new Option('--extension <text>', 'extension of the chunks; default: that of the first source of each group'),
    choice('--compression <what>', 'whether .gz and .zst sources are decoded (auto), or taken as they are (none)', ['auto', 'none']),
  ]);
}

/** Of all that is written, control data included. */
export function sse(): Option {
  return new Option('--sse <how>', 'encryption of all that is written: s3, kms, or kms:KEY');
}

export function addWriteOptions(command: Command): void {
  group(command, 'Objects written:', [
    new Option('--content-type <type>', 'Content-Type'),
    new Option('--storage-class <class>', 'storage class, as STANDARD_IA'),
    sse(),
    list('--tag <key=value>', 'tag; can be repeated'),
    list('--metadata <key=value>', 'user metadata; can be repeated'),
    new Option('--part-size <size>', 'size of an upload part (default: 8MiB)'),
  ]);
}

const RUN_OPTIONS = {
  id: [new Option('--id <id>', 'id of the run (default: made up, and printed)').argParser(said)],
  label: [new Option('--label <text>', 'a name of yours for the run')],
  detach: [new Option('-d, --detach', 'start the run and do not follow it')],
  dryRun: [new Option('-n, --dry-run', 'freeze the plan and stop, as `tributary plan merge`')],
  again: [new Option('--again', 'merge although the target holds merged output of this source already')],
  onError: [choice('--on-error <what>', 'what a source that cannot be read does to the run', ['continue', 'stop'])],
  verify: [choice('--verify <how>', 'how the chunks are checked after they were written', ['none', 'size', 'content'])],
  stores: [
    new Option('--source-store <name>', 'store of the source, as configured for the workers'),
    new Option('--target-store <name>', 'store of the target'),
  ],
  yes: [new Option('--yes', 'for scripts: take what would be asked as answered with yes; nothing is asked today')],
} as const;

export function addRunOptions(command: Command, names: readonly (keyof typeof RUN_OPTIONS)[]): void {
  group(command, 'Run:', names.flatMap((name) => [...RUN_OPTIONS[name]]));
}

export function addLimitOptions(command: Command): void {
  group(command, 'Limits:', [
    new Option('--parallel-groups <n>', 'batches of groups at the same time'),
    new Option('--downloads <n>', 'requests that read at the same time; off lifts it'),
    new Option('--uploads <n>', 'requests that write, at the same time in a batch'),
    new Option('--bwlimit <size>', 'source bytes read a second, as 200M; off lifts it'),
    new Option('--tpslimit <n>', 'S3 requests a second; off lifts it'),
  ]);
}

export function addFollowOptions(command: Command): void {
  group(command, 'Output:', [
    new Option('--stats <duration>', 'how often progress is told where it is not on a terminal').default('30s').argParser((text: string) => {
      if ((parseDurationMs(text) ?? 0) <= 0) throw new InvalidArgumentError('It must be a duration longer than 0, as 30s.');
      return text;
    }),
  ]);
}
