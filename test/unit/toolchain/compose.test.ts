/** What `docker compose config` would find, for machines without Docker; and what it would not: that `up --wait` can succeed. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { SEARCH_ATTRIBUTES } from '../../../src/contracts/names.ts';

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly networks?: readonly string[];
  readonly volumes?: readonly string[];
  readonly configs?: readonly { readonly source: string; readonly target: string }[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly restart?: string;
  readonly command?: readonly string[];
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, unknown>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly configs: Readonly<Record<string, { readonly content: string }>>;
}

const text = readFileSync('docker-compose.temporal.yml', 'utf8');
const compose = parse(text, { merge: true }) as Compose;
const services = Object.entries(compose.services);
const conditions = services.flatMap(([, service]) => Object.entries(service.depends_on ?? {}).map(([name, { condition }]) => ({ name, condition })));

describe('docker-compose.temporal.yml', () => {
  it.each(services)('%s refers to services, networks, volumes and configs that are there', (_name, service) => {
    for (const name of Object.keys(service.depends_on ?? {})) expect(compose.services).toHaveProperty(name);
    for (const name of service.networks ?? []) expect(compose.networks).toHaveProperty(name);
    for (const volume of service.volumes ?? []) expect(compose.volumes).toHaveProperty(volume.split(':')[0]!);
    for (const { source } of service.configs ?? []) expect(compose.configs).toHaveProperty(source);
  });

  it('uses all that it declares', () => {
    const used = services.flatMap(([, service]) => [
      ...(service.networks ?? []), ...(service.volumes ?? []).map((volume) => volume.split(':')[0]!), ...(service.configs ?? []).map(({ source }) => source),
    ]);
    for (const name of [...Object.keys(compose.networks), ...Object.keys(compose.volumes), ...Object.keys(compose.configs)]) expect(used).toContain(name);
  });

  it('waits for health only where health is checked', () => {
    for (const { name, condition } of conditions) {
      if (condition === 'service_healthy') expect(compose.services[name]).toHaveProperty('healthcheck');
    }
  });

  it('has somebody wait for the end of each job: `up --wait` takes the end of any other service for a failure', () => {
    const jobs = services.filter(([, service]) => service.restart?.startsWith('on-failure')).map(([name]) => name);
    expect(jobs).toEqual(['temporal-schema', 'temporal-namespace', 's3-buckets']);
    for (const job of jobs) expect(conditions).toContainEqual({ name: job, condition: 'service_completed_successfully' });
  });

  it('pins every image and publishes ports on this machine only', () => {
    for (const [, service] of services) {
      expect(service.image).toMatch(/:(\$\{\w+:-)?v?[\w.]+\}?$/);
      expect(service.image).not.toContain('latest');
      for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
    }
  });

  it('speaks to the services by their names and ports', () => {
    const { worker, s3, 'temporal-ui': ui } = compose.services;
    expect(worker!.environment).toMatchObject({ TEMPORAL_ADDRESS: 'temporal:7233', AWS_ENDPOINT_URL_S3: 'http://s3:7070' });
    expect(ui!.environment).toMatchObject({ TEMPORAL_ADDRESS: 'temporal:7233' });
    expect(s3!.command).toContain(':7070');
    expect(worker!.environment!['AWS_SECRET_ACCESS_KEY']).toBe(s3!.environment!['ROOT_SECRET_ACCESS_KEY']);
    expect(worker!.environment!['AWS_ACCESS_KEY_ID']).toBe(s3!.environment!['ROOT_ACCESS_KEY_ID']);
  });

  it('makes the search attributes that runs set', () => {
    for (const name of Object.values(SEARCH_ATTRIBUTES)) expect(compose.services['temporal-namespace']!.command!.join('\n')).toContain(name);
  });
});

describe('Dockerfile', () => {
  const dockerfile = readFileSync('Dockerfile', 'utf8');
  const ignored = readFileSync('.dockerignore', 'utf8').split('\n');

  it('copies what is there and what .dockerignore lets through', () => {
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names]) => names!.split(' '));
    expect(copied).toContain('src');
    for (const name of copied) {
      expect(existsSync(name)).toBe(true);
      expect(ignored).toContain(`!${name}`);
    }
  });

  it('asks for health where the worker serves it', () => {
    expect(dockerfile).toContain('TRIBUTARY_HEALTH_PORT=8081');
    expect(dockerfile).toMatch(/HEALTHCHECK[^]*TRIBUTARY_HEALTH_PORT \+ '\/livez'/);
  });
});
