import { describe, expect, it } from '@jest/globals';
import { complete, platformOf } from '../../../scripts/complete-lock.mjs';

describe('platformOf', () => {
  it.each([
    ['@swc/core-darwin-arm64', { os: ['darwin'], cpu: ['arm64'] }],
    ['@swc/core-win32-x64-msvc', { os: ['win32'], cpu: ['x64'] }],
    ['@unrs/resolver-binding-linux-riscv64-musl', { os: ['linux'], cpu: ['riscv64'], libc: ['musl'] }],
    ['@unrs/resolver-binding-linux-x64-gnu', { os: ['linux'], cpu: ['x64'], libc: ['glibc'] }],
    ['@swc/core-linux-arm-gnueabihf', { os: ['linux'], cpu: ['arm'] }],
    ['@unrs/resolver-binding-android-arm-eabi', { os: ['android'], cpu: ['arm'] }],
  ])('reads %s', (name, platform) => expect(platformOf(name)).toEqual(platform));

  it('refuses a name that says no platform, rather than guess', () => expect(() => platformOf('fsevents')).toThrow('fsevents'));
});

describe('complete', () => {
  it('adds a missing platform once, as its parent has it', () => {
    const packages = {
      'node_modules/tool': { version: '1.2.3', dev: true, optionalDependencies: { 'tool-darwin-x64': '1.2.3', 'tool-linux-x64-gnu': '1.2.3' } },
      'node_modules/tool-linux-x64-gnu': { version: '1.2.3', dev: true, optional: true },
    };
    expect(complete(packages)).toEqual(['tool-darwin-x64@1.2.3: added']);
    expect(packages).toHaveProperty('node_modules/tool-darwin-x64', { version: '1.2.3', os: ['darwin'], cpu: ['x64'], dev: true, optional: true });
    expect(complete(packages)).toEqual([]);
  });

  it('finds a nested copy where Node would', () => {
    const packages = {
      'node_modules/a/node_modules/b': { version: '1.0.0', optionalDependencies: { 'b-win32-x64': '1.0.0' } },
      'node_modules/a/node_modules/b-win32-x64': { version: '1.0.0', optional: true },
    };
    expect(complete(packages)).toEqual([]);
  });

  it('drops download addresses, which name the registry that the file was made with', () => {
    const packages = { 'node_modules/a': { version: '1.0.0', resolved: 'https://registry.example/a/-/a-1.0.0.tgz' } };
    expect(complete(packages)).toEqual(['node_modules/a: download address dropped']);
    expect(packages['node_modules/a']).toEqual({ version: '1.0.0' });
  });
});
