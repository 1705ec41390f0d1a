import type { Logger } from '@temporalio/common';

export const quietLog: Logger = { log: () => undefined, trace: () => undefined, debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
