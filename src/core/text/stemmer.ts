// oxlint-disable-next-line no-restricted-imports -- loads what a static import would, but only when it is asked for
import { createRequire } from 'node:module';

/**
 * Stemmers of the natural package, behind one function. Only its stemmers are loaded, since the package itself opens databases; and
 * only when one is asked for, since that takes longer than most commands.
 */

type Stemmers = Readonly<Record<string, { readonly stem: (token: string) => string }>>;

/** Export of the package by name. */
const STEMMERS = new Map([
  ['porter', 'PorterStemmer'],
  ['lancaster', 'LancasterStemmer'],
  ['carry-fr', 'CarryStemmerFr'],
  ['porter-de', 'PorterStemmerDe'],
  ['porter-es', 'PorterStemmerEs'],
  ['porter-fr', 'PorterStemmerFr'],
  ['porter-it', 'PorterStemmerIt'],
  ['porter-nl', 'PorterStemmerNl'],
  ['porter-no', 'PorterStemmerNo'],
  ['porter-pt', 'PorterStemmerPt'],
  ['porter-ru', 'PorterStemmerRu'],
  ['porter-sv', 'PorterStemmerSv'],
  ['porter-uk', 'PorterStemmerUk'],
]);

/** Names for {@link createStemmer}: the algorithm, then the language where it is not English. */
export const STEMMER_NAMES: readonly string[] = [...STEMMERS.keys()];

/** UTF-16 code units of a token that a stemmer sees: no word is longer, and some stemmers are quadratic. */
export const LONGEST_STEMMED = 64;
/** Stems remembered; natural words recur, made-up ones must not fill the memory. */
const REMEMBERED = 65_536;

/**
 * A function from token to stem. A token whose stem is empty is its own stem. It remembers the last 65,536 tokens.
 *
 * @param name one of {@link STEMMER_NAMES}; undefined for any other
 */
export function createStemmer(name: string): ((token: string) => string) | undefined {
  const exported = STEMMERS.get(name);
  if (exported === undefined) return undefined;
  const load = createRequire(import.meta.url);
  const { [exported]: stemmer }: Stemmers = load('natural/lib/natural/stemmers/index.js');
  if (stemmer === undefined) return undefined;
  const stems = new Map<string, string>();
  return (token) => {
    const word = token.slice(0, LONGEST_STEMMED);
    let stem = stems.get(word);
    if (stem !== undefined) return stem;
    if (stems.size === REMEMBERED) stems.clear();
    stem = stemmer.stem(word) || word;
    stems.set(word, stem);
    return stem;
  };
}
