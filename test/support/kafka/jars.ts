/** Java, and Kafka's jars: from a folder that is named, from the cache, or fetched by Maven into the cache. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { variable } from '../environment.ts';

const run = promisify(execFile);
const OLDEST_JAVA = 17;
const FETCH_LIMIT_MS = 300_000;

/** Path of `java` 17 or newer, or why there is none. */
export async function findJava(): Promise<
  { readonly path: string } | { readonly missing: string }
> {
  const home = variable('JAVA_HOME');
  const candidates = [...(home === undefined ? [] : [join(home, 'bin', 'java')]), 'java'];
  let missing = `Java ${OLDEST_JAVA} or newer`;
  for (const path of candidates) {
    try {
      const { stderr } = await run(path, ['-version'], { timeout: 20_000 });
      const major = Number(/version "(\d+)/.exec(stderr)?.[1] ?? 0);
      if (major >= OLDEST_JAVA) return { path };
      missing = `Java ${OLDEST_JAVA} or newer (found ${major})`;
    } catch {
      // Not there: the next one.
    }
  }
  return { missing };
}

/** Folder with the jars of a Kafka version, or why there is none. */
export async function findJars(
  version: string,
): Promise<{ readonly path: string } | { readonly missing: string }> {
  const given = variable('VALENCE_KAFKA_LIB');
  if (given !== undefined) {
    const path = [given, join(given, version)].find((folder) => holdsKafka(folder, version));
    if (path !== undefined) return { path };
  }
  const cache = join(variable('XDG_CACHE_HOME') ?? join(homedir(), '.cache'), 'valence-kafka');
  const path = join(cache, version);
  if (holdsKafka(path, version)) return { path };
  try {
    await fetchJars(version, cache, path);
    return { path };
  } catch (error) {
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    return {
      missing: `Maven to fetch Kafka ${version}, or its jars in VALENCE_KAFKA_LIB (${why})`,
    };
  }
}

function holdsKafka(folder: string, version: string): boolean {
  return existsSync(join(folder, `kafka_2.13-${version}.jar`));
}

async function fetchJars(version: string, cache: string, path: string): Promise<void> {
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, 'fetch-'));
  try {
    const artifact = (group: string, id: string, of: string) =>
      `<dependency><groupId>${group}</groupId><artifactId>${id}</artifactId><version>${of}</version></dependency>`;
    writeFileSync(
      join(work, 'pom.xml'),
      `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>` +
        `<groupId>valence</groupId><artifactId>test-broker</artifactId><version>1</version><packaging>pom</packaging><dependencies>` +
        artifact('org.apache.kafka', 'kafka_2.13', version) +
        artifact('org.slf4j', 'slf4j-simple', '1.7.36') +
        `</dependencies></project>`,
    );
    const args = ['-q', '-B', 'dependency:copy-dependencies', `-DoutputDirectory=${work}/lib`];
    await run('mvn', args, { cwd: work, timeout: FETCH_LIMIT_MS });
    if (!holdsKafka(join(work, 'lib'), version)) throw new Error('Maven left no jar of Kafka');
    // Several processes may fetch at once: the first one's folder stays.
    if (!holdsKafka(path, version)) renameSync(join(work, 'lib'), path);
  } catch (error) {
    if (!holdsKafka(path, version)) throw error;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
