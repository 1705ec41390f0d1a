/** Something to wait for, or undefined where it is done: a source of some kilobytes has passed sooner than a promise is kept. */
export type Delay = Promise<void> | undefined;
