/** `node bundle-main.ts TARGET`: bundles the workflow code into a file. A process of its own, for bundle.ts. */
import { renameSync, writeFileSync } from 'node:fs';
import { buildWorkflowBundle } from './bundle.ts';

const [, , target] = process.argv;
if (target === undefined) throw new Error('name the file to write');
// Written beside and renamed, so that nobody ever loads half a bundle.
const unfinished = `${target}.${process.pid}`;
writeFileSync(unfinished, await buildWorkflowBundle());
renameSync(unfinished, target);
