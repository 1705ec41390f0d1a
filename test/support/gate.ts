/** Something that a test waits for, and opens. */
export interface Gate {
  open(): void;
  readonly isOpen: boolean;
  readonly opened: Promise<void>;
}

export function createGate(): Gate {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  let isOpen = false;
  return {
    open: () => {
      isOpen = true;
      resolve(undefined);
    },
    get isOpen() { return isOpen; },
    opened: promise,
  };
}
