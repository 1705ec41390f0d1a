/** The two local servers, and where each comes from. Their versions are pinned here and in `tools/<name>/go.mod`. */

export interface Program {
  readonly name: 'temporal' | 'versitygw';
  /** What it is, for messages. */
  readonly title: string;
  readonly version: string;
  /** Name of its file in the cache. It differs from name and version where `tools/<name>` builds that version with other modules than before. */
  readonly cachedAs: string;
  /** Variable that names the program's path. */
  readonly variable: 'TRIBUTARY_TEMPORAL_BIN' | 'TRIBUTARY_VERSITYGW_BIN';
  /** Archive of the release for a platform and architecture, as Node names them; undefined where there is none. */
  releaseUrl(platform: string, architecture: string): string | undefined;
  /** Go package, built in `tools/<name>`. */
  readonly goPackage: string;
  readonly goLinkFlags: string;
  /** How long the build takes, for the message before it. */
  readonly buildTime: string;
}

const GO_ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };
const UNAME_ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'arm64' };
const UNAME_SYSTEMS: Readonly<Record<string, string>> = { linux: 'Linux', darwin: 'Darwin' };

const TEMPORAL_VERSION = '1.5.1';
const VERSITYGW_VERSION = '1.8.0';

export const TEMPORAL: Program = {
  name: 'temporal',
  title: 'the Temporal server',
  version: TEMPORAL_VERSION,
  // 2: with an SQLite driver that survives calls which are given up (decision 29).
  cachedAs: `temporal-${TEMPORAL_VERSION}-2`,
  variable: 'TRIBUTARY_TEMPORAL_BIN',
  releaseUrl(platform, architecture) {
    const arch = GO_ARCHITECTURES[architecture];
    if (arch === undefined || !(platform in UNAME_SYSTEMS)) return undefined;
    return `https://github.com/temporalio/cli/releases/download/v${TEMPORAL_VERSION}/temporal_cli_${TEMPORAL_VERSION}_${platform}_${arch}.tar.gz`;
  },
  goPackage: 'github.com/temporalio/cli/cmd/temporal',
  goLinkFlags: `-s -w -X github.com/temporalio/cli/temporalcli.Version=${TEMPORAL_VERSION}`,
  buildTime: 'about 4 minutes on 2 cores',
};

export const VERSITYGW: Program = {
  name: 'versitygw',
  title: 'the S3 server',
  version: VERSITYGW_VERSION,
  cachedAs: `versitygw-${VERSITYGW_VERSION}`,
  variable: 'TRIBUTARY_VERSITYGW_BIN',
  releaseUrl(platform, architecture) {
    const system = UNAME_SYSTEMS[platform];
    const arch = UNAME_ARCHITECTURES[architecture];
    if (system === undefined || arch === undefined) return undefined;
    return `https://github.com/versity/versitygw/releases/download/v${VERSITYGW_VERSION}/versitygw_v${VERSITYGW_VERSION}_${system}_${arch}.tar.gz`;
  },
  goPackage: 'github.com/versity/versitygw/cmd/versitygw',
  goLinkFlags: `-s -w -X main.Version=${VERSITYGW_VERSION}`,
  buildTime: 'about 3 minutes on 2 cores',
};
