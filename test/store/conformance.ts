/** One suite for every adapter and every server: what the port promises, each promise once. */
import { afterAll, beforeAll, describe } from '@jest/globals';
import { describeAccess } from './conformance/access.ts';
import type { Harness } from './conformance/harness.ts';
import { describeListing } from './conformance/listing.ts';
import { describeReads } from './conformance/reads.ts';
import { describeUploads } from './conformance/uploads.ts';
import { describeWrites } from './conformance/writes.ts';

/**
 * @param title which adapter on which server
 * @param after more tests, once the suite has run
 */
export function describeConformance(title: string, open: () => Promise<Harness>, after: () => void = () => undefined): void {
  describe(title, () => {
    let harness: Harness | undefined;
    const get = (): Harness => {
      if (!harness) throw new Error('the store is not open');
      return harness;
    };
    beforeAll(async () => {
      harness = await open();
    });
    afterAll(() => harness?.close());

    describeReads(get);
    describeListing(get);
    describeWrites(get);
    describeUploads(get);
    describeAccess(get);
    after();
  });
}
