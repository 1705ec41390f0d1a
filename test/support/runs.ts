/**
 * How many runs a property gets: `few` in the gate, and as many times that as TRIBUTARY_TEST_RUNS says where somebody has time
 * to look for what is rare.
 */
export function runs(few: number): number {
  return few * Number(process.env['TRIBUTARY_TEST_RUNS'] ?? 1);
}
