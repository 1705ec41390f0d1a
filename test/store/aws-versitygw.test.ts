import { createAwsStore } from '../../src/stores/aws/store.ts';
import { describeConformance } from './conformance.ts';
import { openVersitygw } from './versitygw-harness.ts';

describeConformance('AWS SDK adapter on versitygw', () => openVersitygw((config) => createAwsStore('default', config)));
