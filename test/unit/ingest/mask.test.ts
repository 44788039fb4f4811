import { describe, expect, test } from '@jest/globals';
import { createMasker, MASK_KINDS, type MaskKind } from '../../../src/ingest/mask.ts';

const all = createMasker(MASK_KINDS);
const only = (...kinds: MaskKind[]): ((text: string) => string) => createMasker(kinds);

describe('e-mail addresses', () => {
  test.each([
    ['write to joe@example.com.', 'write to <email>.'],
    ['joe.bloggs+news@mail.shop.example.co.uk!', '<email>!'],
    ["'o'neil@x.org', <a_b@c-d.de>", "'<email>', <<email>>"],
    ['(mailto:x@y.io)', '(mailto:<email>)'],
    ['grüße@bücher.example, 用户@例子.公司', '<email>, <email>'],
    ['a@b.co,c@d.co', '<email>,<email>'],
    ['😀joe@example.com😀', '😀<email>😀'],
    ['x@sub.xn--p1ai', '<email>'],
    [
      'joe@localhost, a @ b.com, 5@3.5, @example.com',
      'joe@localhost, a @ b.com, 5@3.5, @example.com',
    ],
    ['a@b..com', 'a@b..com'],
  ])('%s', (text, masked) => {
    expect(only('email')(text)).toBe(masked);
  });
});

describe('telephone numbers', () => {
  test.each([
    ['call +49 30 1234567 now', 'call <phone> now'],
    ['(030) 123-4567', '<phone>'],
    ['Tel.: 030/1234567, 0171-1234567', 'Tel.: <phone>, <phone>'],
    ['+44 (0)20 7946 0958', '<phone>'],
    ['0049 30 1234567', '<phone>'],
    ['06 12 34 56 78 or 06.12.34.56.78', '<phone> or <phone>'],
    ['555-123-4567, (555) 123-4567, 555.123.4567', '<phone>, <phone>, <phone>'],
    ['+1-555-123-4567 and 1 555 123 4567', '<phone> and <phone>'],
    ['5551234567', '<phone>'],
    ['call 555-1234!', 'call <phone>!'],
    ['+49\u00a030\u20111234567', '<phone>'],
    // Years, dates, times, prices, versions, counts
    ['1990-2000, 2019/2020 and 2020-01-02', '1990-2000, 2019/2020 and 2020-01-02'],
    ['01.02.2020 10:30, 05/02/1940 - 10/19/2008', '01.02.2020 10:30, 05/02/1940 - 10/19/2008'],
    ['12:30:45, 0.12345678, 3.14159265', '12:30:45, 0.12345678, 3.14159265'],
    ['1,200,000 or 1.200.000 or 20 000 000', '1,200,000 or 1.200.000 or 20 000 000'],
    ['$300-1500, €555-1234, pages 100-1200', '$300-1500, €555-1234, pages 100-1200'],
    ['order 123456789012345678901, at 1700000000', 'order 123456789012345678901, at 1700000000'],
    ['192.168.1.10', '192.168.1.10'],
    ['user_04071991x A0401234567', 'user_04071991x A0401234567'],
  ])('%s', (text, masked) => {
    expect(only('phone')(text)).toBe(masked);
  });
});

describe('card numbers', () => {
  test.each([
    ['4111 1111 1111 1111', '<card>'],
    ['5500-0000-0000-0004, 378282246310005', '<card>, <card>'],
    ['6011111111111117 exp 12/29', '<card> exp 12/29'],
    ['in 2019 4111 1111 1111 1111.', 'in 2019 <card>.'],
    ['Visa4111111111111111 123', 'Visa<card> 123'],
    ['4111 1111 1111 1112', '4111 1111 1111 1112'],
    ['0000 0000 0000 0000', '0000 0000 0000 0000'],
    ['9780306406157', '9780306406157'],
    ['41111111111111111111111', '41111111111111111111111'],
  ])('%s', (text, masked) => {
    expect(only('card')(text)).toBe(masked);
  });

  test('a number that fails the check stays, unless it looks like something else', () => {
    expect(all('4111 1111 1111 1112')).toBe('4111 1111 1111 1112');
  });
});

describe('IBANs', () => {
  test.each([
    ['DE89 3704 0044 0532 0130 00', '<iban>'],
    ['DE89370400440532013000.', '<iban>.'],
    ['gb82west12345698765432', '<iban>'],
    ['GB82 WEST 1234 5698 7654 32 is mine', '<iban> is mine'],
    ['pay NO93 8601 1117 947 now', 'pay <iban> now'],
    ['my code AB12 DE89 3704 0044 0532 0130 00', 'my code AB12 <iban>'],
    ['MT84MALT011000012345MTLCAST001S', '<iban>'],
    ['DE89 3704 0044 0532 0130 01', 'DE89 3704 0044 0532 0130 01'],
    ['XDE89370400440532013000', 'XDE89370400440532013000'],
  ])('%s', (text, masked) => {
    expect(only('iban')(text)).toBe(masked);
  });

  test('an IBAN is one thing, not a telephone number or a card inside it', () => {
    expect(all('DE89 3704 0044 0532 0130 00')).toBe('<iban>');
  });
});

describe('IP addresses', () => {
  test.each([
    ['192.168.1.1:8080, 10.0.0.255.', '<ip>:8080, <ip>.'],
    ['fe80::1, ::1 and 2001:db8::8a2e:370:7334', '<ip>, <ip> and <ip>'],
    ['2001:0db8:0000:0000:0000:ff00:0042:8329', '<ip>'],
    ['::ffff:192.0.2.128 [2001:db8::1]:443', '<ip> [<ip>]:443'],
    ['from 2001:db8::1: hello', 'from <ip>: hello'],
    ['256.1.1.1, 1.2.3, 1.2.3.4.5, v1.2.3.4', '256.1.1.1, 1.2.3, 1.2.3.4.5, v1.2.3.4'],
    ['12:30:45, std::string, dead::beef, a :: b', '12:30:45, std::string, dead::beef, a :: b'],
  ])('%s', (text, masked) => {
    expect(only('ip')(text)).toBe(masked);
  });
});

describe('links', () => {
  test.each([
    ['see https://example.com:8080/a?b=c#d.', 'see <url>.'],
    ['(http://x.org/wiki/A_(b)), really!', '(<url>), really!'],
    ['www.example.de/ and WWW.X.COM...', '<url> and <url>...'],
    ['bit.ly/2y1zl! ftp://f.org', '<url>! <url>'],
    ['看https://例子.公司/路。好', '看<url>'],
    ['“https://a.b”', '“<url>”'],
    ['and/or, 1/2, e.g./i.e., 24/7, example.com', 'and/or, 1/2, e.g./i.e., 24/7, example.com'],
  ])('%s', (text, masked) => {
    expect(only('url')(text)).toBe(masked);
  });

  test('what is inside a link goes with it', () => {
    expect(all('https://joe:pw@10.0.0.1/@joe?mail=a@b.de&tel=+49301234567 hi')).toBe('<url> hi');
  });
});

describe('user names', () => {
  test.each([
    ['@joe you, .@Ann_B, (@x)', '<user> you, .<user>, (<user>)'],
    ['😀@joe😀 RT @a: hi', '😀<user>😀 RT <user>: hi'],
    ['@name.bsky.social @joe@mastodon.social', '<user> <user>'],
    ['＠太郎 @müller!', '<user> <user>!'],
    ['joe@example.com, 2@3, @ home', 'joe@example.com, 2@3, @ home'],
  ])('%s', (text, masked) => {
    expect(only('user')(text)).toBe(masked);
  });
});

describe('together', () => {
  test('the order of the kinds is fixed: an address is no user name', () => {
    const text = '@joe joe@example.com https://x.com/@joe';
    expect(createMasker(['user', 'email', 'url'])(text)).toBe('<user> <email> <url>');
    expect(createMasker(['url', 'user', 'email'])(text)).toBe('<user> <email> <url>');
  });

  test('no kinds change nothing', () => {
    expect(createMasker([])('@joe joe@example.com')).toBe('@joe joe@example.com');
  });

  test('ordinary text is returned as it came', () => {
    const text =
      'Crust is not good: 3.5/5 stars, I’d pay $12.50 (2 pizzas) — sad 😢 at 7pm on 4th July 2019!';
    expect(all(text)).toBe(text);
  });

  test('lone surrogates and NUL do no harm', () => {
    expect(all('\ud800@joe\udc00 \u0000 +49 30 1234567\ud800')).toBe(
      '\ud800<user>\udc00 \u0000 <phone>\ud800',
    );
  });

  // With a pattern that backtracks, each of these takes minutes.
  test.each([
    'a',
    '@',
    'a@',
    'a@b.',
    '@a.',
    'a.',
    'a-',
    '.',
    '1',
    '1 ',
    '-1',
    '(',
    '(030)',
    '0',
    '01',
    '+',
    '1.',
    ':',
    '::',
    '1:',
    'f:',
    'DE89',
    'DE89 ',
    'AB12 ABCD ',
    '4111 1111 1111 1112 ',
    '555-',
    'www.',
    'http://',
    'https://)',
    '/',
    'a.a/',
    '<',
    'é',
    '＠',
  ])('100,000 characters of %j are masked in linear time', (piece) => {
    const text = piece.repeat(Math.ceil(100_000 / piece.length));
    expect(typeof all(text)).toBe('string');
    expect(typeof all(`${text}!`)).toBe('string');
  });
});
