/** The generated documents as text, before formatting. */
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { KAFKA_VARIABLES } from '../src/config-kafka.ts';
import { packageRoot, packageVersion } from '../src/cli/package.ts';
import { buildProgram } from '../src/cli/program.ts';
import type { Sink, Surroundings } from '../src/cli/surroundings.ts';
import { asyncApiDocument } from '../topics/asyncapi.ts';
import { CONTRACTS } from '../topics/index.ts';
import {
  commandsTable,
  configurationTable,
  errorsTable,
  kafkaTable,
  replaceSection,
  SECTIONS,
  topicsTable,
  type Section,
} from './tables.ts';

/** `docs/asyncapi.json`. */
export function asyncApiJson(): string {
  return `${JSON.stringify(asyncApiDocument({ version: packageVersion() }), undefined, 2)}\n`;
}

/** The generated tables by the name of their section. */
export function tables(): Readonly<Record<Section, string>> {
  const program = buildProgram(nowhere());
  return {
    topics: topicsTable(CONTRACTS),
    commands: commandsTable(program),
    configuration: configurationTable(program),
    kafka: kafkaTable(KAFKA_VARIABLES),
    errors: errorsTable(readFileSync(`${packageRoot()}/src/errors.ts`, 'utf8')),
  };
}

/** The document with each table that it has markers for. */
export function withTables(document: string): string {
  const made = tables();
  return SECTIONS.reduce((text, name) => replaceSection(text, name, made[name]), document);
}

/** Surroundings of a program that is looked at and never run. */
function nowhere(): Surroundings {
  const sink: Sink = { write: () => true, once: () => undefined };
  return {
    openLog: () => Promise.reject(new Error('documents open no log')),
    removeLog: () => Promise.reject(new Error('documents remove no log')),
    environment: {},
    stdin: Readable.from([]),
    stdout: sink,
    stderr: sink,
    signal: new AbortController().signal,
    now: () => 0,
  };
}
