/**
 * Masking of personal data before it leaves the process: what looks like an e-mail address, a telephone number and so on becomes
 * `<email>`, `<phone>`, … Wrong guesses go to the side of masking, save where a check digit tells. Digits are ASCII digits.
 *
 * The order is fixed, whatever the order of the kinds: an address is masked as a whole before a rule for its parts sees it.
 * Every rule takes time linear in the text: patterns start at a boundary or a rare character, and repeat within bounds.
 */
import { isIPv6 } from 'node:net';

/** In the order in which they are applied. */
export const MASK_KINDS = ['url', 'email', 'iban', 'card', 'ip', 'phone', 'user'] as const;
export type MaskKind = (typeof MASK_KINDS)[number];

type Rule = (text: string) => string;

/**
 * A function that replaces what the kinds name by `<kind>`. Text without candidates is returned as it came, at the cost of a
 * scan or two.
 */
export function createMasker(kinds: readonly MaskKind[]): (text: string) => string {
  const rules = MASK_KINDS.filter((kind) => kinds.includes(kind)).map((kind) => RULES[kind]);
  return (text) => {
    let masked = text;
    for (const rule of rules) masked = rule(masked);
    return masked;
  };
}

const RULES: Readonly<Record<MaskKind, Rule>> = {
  url: maskUrls,
  email: maskEmails,
  iban: maskIbans,
  card: maskCards,
  ip: maskIps,
  phone: maskPhones,
  user: maskUsers,
};

const DIGIT = /[0-9]/;

/** With a scheme, with `www.`, or a host with a path (`bit.ly/2y1zl`). */
const URL =
  /\b(?:https?|ftps?|wss?):\/\/[^\s<>"]+|\bwww\.[^\s<>"]+|(?<![\p{L}\p{N}_@.-])(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.)+\p{L}{2,24}\/[^\s<>"]+/giu;
const TRAILING = new Set('.,;:!?\'"*_~…)]}»”’。、！？）』」'.split(''));
const OPENING: ReadonlyMap<string, string> = new Map([
  [')', '('],
  [']', '['],
  ['}', '{'],
]);

function maskUrls(text: string): string {
  if (!text.includes('/') && !/www\./i.test(text)) return text;
  return text.replace(URL, (found) => `<url>${found.slice(urlEnd(found))}`);
}

/** Where a link ends: punctuation behind it is the sentence's, a closing bracket unless it was opened inside. */
function urlEnd(url: string): number {
  const open = new Map<string, number>();
  for (const char of url) open.set(char, (open.get(char) ?? 0) + 1);
  let end = url.length;
  while (end > 0) {
    const last = url[end - 1] ?? '';
    const opening = OPENING.get(last);
    if (!TRAILING.has(last)) break;
    if (opening !== undefined && (open.get(opening) ?? 0) >= (open.get(last) ?? 0)) break;
    open.set(last, (open.get(last) ?? 0) - 1);
    end--;
  }
  return end;
}

/** From each `@` to both sides; the runs stop at the next `@`, which keeps it linear. */
const ADDRESS = /@(?<=([\p{L}\p{M}\p{N}._%+'-]*)@)([\p{L}\p{M}\p{N}.-]+)/gu;
const LOCAL_PART = /[\p{L}\p{N}_][^]*$/u;
const DOMAIN =
  /^[\p{L}\p{N}][\p{L}\p{M}\p{N}-]*(?:\.[\p{L}\p{M}\p{N}-]+)*\.[\p{L}][\p{L}\p{M}\p{N}-]*[\p{L}\p{M}\p{N}]/u;

function maskEmails(text: string): string {
  if (!text.includes('@')) return text;
  let masked = '';
  let done = 0;
  for (const found of text.matchAll(ADDRESS)) {
    const [, before = '', after = ''] = found;
    // Punctuation before the address is the sentence's.
    const local = LOCAL_PART.exec(before)?.[0] ?? '';
    const domain = DOMAIN.exec(after)?.[0] ?? '';
    const start = found.index - local.length;
    if (local === '' || domain === '' || start < done) continue;
    masked += `${text.slice(done, start)}<email>`;
    done = found.index + 1 + domain.length;
  }
  return masked + text.slice(done);
}

/** Country, two check digits, then 11 to 30 letters or digits: in one piece, or in groups of four. */
const IBAN =
  /(?<![\p{L}\p{N}])[A-Z]{2}[0-9]{2}(?:(?:[ -][A-Z0-9]{4}){2,7}(?:[ -][A-Z0-9]{1,4})?|[A-Z0-9]{11,30})/giu;

function maskIbans(text: string): string {
  if (!DIGIT.test(text)) return text;
  return replaceChecked(text, IBAN, '<iban>', (found, behind) => {
    const candidate = found.toUpperCase();
    // The words behind an IBAN may look like a group of it: the longest prefix that passes the check is taken.
    for (let end = candidate.length; end >= 15; end--) {
      if (isWordChar(candidate[end] ?? behind) || !isWordChar(candidate[end - 1] ?? '')) continue;
      if (ibanRemainder(candidate.slice(0, end)) === 1) return end;
    }
    return 0;
  });
}

/** ISO 7064 mod 97-10 over the number with its first four characters moved behind, A = 10 … Z = 35. */
function ibanRemainder(iban: string): number {
  const compact = iban.replace(/[ -]/g, '');
  if (compact.length < 15) return 0;
  let remainder = 0;
  for (const char of compact.slice(4) + compact.slice(0, 4)) {
    const value = parseInt(char, 36);
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97;
  }
  return remainder;
}

/** Digits in groups, single spaces or hyphens between them. */
const DIGIT_GROUPS = /(?<![0-9])[0-9]{3,}(?:[ -][0-9]{3,})*/g;
const CARD_GROUP = /^[2-6][0-9]{3}/;
const CARD_MIN_DIGITS = 13;
const CARD_MAX_DIGITS = 19;

function maskCards(text: string): string {
  if (!DIGIT.test(text)) return text;
  return text.replace(DIGIT_GROUPS, (run) => {
    let masked = '';
    let at = 0;
    while (at < run.length) {
      const startsGroup = at === 0 || !isDigit(run[at - 1]);
      const end = startsGroup ? cardEnd(run, at) : 0;
      masked += end > 0 ? '<card>' : run[at];
      at = end > 0 ? end : at + 1;
    }
    return masked;
  });
}

/** Where a card number that begins at `start` ends, or 0. Numbers begin with 2 to 6, in a group of four or more. */
function cardEnd(run: string, start: number): number {
  if (!CARD_GROUP.test(run.slice(start, start + 4))) return 0;
  const digits: number[] = [];
  let found = 0;
  for (let at = start; at < run.length && digits.length < CARD_MAX_DIGITS; at++) {
    if (!isDigit(run[at])) continue;
    digits.push(Number(run[at]));
    if (digits.length >= CARD_MIN_DIGITS && !isDigit(run[at + 1]) && passesLuhn(digits)) {
      found = at + 1;
    }
  }
  return found;
}

/** The check digit of ISO/IEC 7812: from the right every second digit counts twice, less 9 above 9. */
function passesLuhn(digits: readonly number[]): boolean {
  const sum = digits.reduce((total, digit, index) => {
    const weighted = (digits.length - index) % 2 === 0 ? 2 * digit : digit;
    return total + (weighted > 9 ? weighted - 9 : weighted);
  }, 0);
  return sum % 10 === 0;
}

const OCTET = '(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])';
const IPV4 = new RegExp(
  `(?<![\\p{L}\\p{N}.])(?:${OCTET}\\.){3}${OCTET}(?![\\p{L}\\p{N}]|\\.[0-9])`,
  'gu',
);
const IPV6 = /(?<![\p{L}\p{N}:.])[0-9a-f:]{2,39}(?:\.[0-9]{1,3}){0,3}(?![\p{L}\p{N}:])/giu;

function maskIps(text: string): string {
  if (!DIGIT.test(text)) return text;
  const masked = text.includes(':')
    ? replaceChecked(text, IPV6, '<ip>', (found) => {
        // A colon behind the address is the sentence's. Without a digit it is more likely a word: dead::beef.
        const address = isIPv6(found) ? found : found.replace(/:$/, '');
        return DIGIT.test(address) && isIPv6(address) ? address.length : 0;
      })
    : text;
  return masked.replace(IPV4, '<ip>');
}

/** Between the digits of a telephone number: nothing, or up to three of these. */
const GAP = '[ ()./\\u00a0\\u2010\\u2011\\u2013-]{0,3}';
/** The same where something must stand. */
const BREAK = '[ ./\\u00a0\\u2010\\u2011\\u2013-]';
const PHONE = new RegExp(
  '(?<![\\p{L}\\p{N}_$€£¥+]|[0-9][.,/-])(?:' +
    [
      // +49 30 1234567, +44 (0)20 7946 0958, 0049 30 1234567: at most 15 digits (E.164), one more for the (0)
      `(?:\\+|00(?=[1-9]))(?:${GAP}[0-9]){8,16}`,
      // (030) 123-4567, (555) 123-4567
      `\\([0-9]{2,5}\\)(?:${GAP}[0-9]){4,10}`,
      // 030 1234567, 0171/1234567, 06 12 34 56 78; no date such as 01.02.2020
      `(?![0-9]{1,2}([./-])[0-9]{1,2}\\1(?:[0-9]{4}|[0-9]{2})(?![0-9]|[./-][0-9]))0[1-9](?:${GAP}[0-9]){6,12}`,
      // 555-123-4567, 1 555 123 4567, 5551234567 (North America: no area begins with 0 or 1)
      `(?:1${BREAK}?)?[2-9][0-9]{2}${BREAK}?[0-9]{3}${BREAK}?[0-9]{4}`,
      // 555-1234
      `[2-9][0-9]{2}-[0-9]{4}`,
    ].join('|') +
    ')(?![\\p{L}\\p{N}]|[.,-][0-9])',
  'gu',
);

function maskPhones(text: string): string {
  return DIGIT.test(text) ? text.replace(PHONE, '<phone>') : text;
}

/** `@name`, `@name.bsky.social`, `@name@host`; not the second half of an address. */
const USER = /(?<![\p{L}\p{M}\p{N}_])[@＠][\p{L}\p{M}\p{N}_]+(?:[.@-][\p{L}\p{M}\p{N}_]+)*/gu;

function maskUsers(text: string): string {
  return text.includes('@') || text.includes('＠') ? text.replace(USER, '<user>') : text;
}

/**
 * Replaces the part of each candidate that `accept` takes; behind a candidate it refuses, the search goes on at its second
 * character. Candidates are of bounded length, so this is linear too.
 *
 * @param accept gets the candidate and the character behind it; gives the length to replace, 0 for none
 */
function replaceChecked(
  text: string,
  pattern: RegExp,
  replacement: string,
  accept: (found: string, behind: string) => number,
): string {
  let masked = '';
  let done = 0;
  pattern.lastIndex = 0;
  for (let found = pattern.exec(text); found !== null; found = pattern.exec(text)) {
    const [candidate] = found;
    const length = accept(candidate, text[found.index + candidate.length] ?? '');
    if (length > 0) {
      masked += text.slice(done, found.index) + replacement;
      done = found.index + length;
    }
    pattern.lastIndex = length > 0 ? done : found.index + 1;
  }
  return masked + text.slice(done);
}

const WORD_CHAR = /[\p{L}\p{N}]/u;

function isWordChar(char: string): boolean {
  return WORD_CHAR.test(char);
}

function isDigit(char: string | undefined): boolean {
  return char !== undefined && char >= '0' && char <= '9';
}
