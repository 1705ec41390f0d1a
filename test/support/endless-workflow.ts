/** Workflow code that never comes to an end, and some that does at once. */
export async function endless(): Promise<void> {
  for (;;) await Promise.resolve();
}

export async function short(): Promise<string> {
  return 'done';
}
