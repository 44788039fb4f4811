import { describe, expect, test } from '@jest/globals';
import {
  gtFeatures,
  gtSlots,
  gtTokens,
  isNegator,
} from '../../../../src/core/text/gt-tokenizer.ts';

const BREAK = undefined;

describe('tokens of both versions', () => {
  test.each<[string, string[]]>([
    [
      'Food was great and so was the serivce!',
      ['food', 'was', 'great', 'and', 'so', 'was', 'the', 'serivce', '!'],
    ],
    ['see http://a.b/c?d or www.x.y/z', ['see', '<url>', 'or', '<url>']],
    ['a lone https and httpd', ['a', 'lone', '<url>', 'and', '<url>']],
    ['HTTP www', ['http', 'ww']],
    ['@some_one @ élan@x', ['<user>', 'élan', '<user>']],
    ['#Good_1 #', ['#good_1']],
    ['soooo goooood', ['soo', 'good']],
    ['DON’T rock-and-roll -no- it’s', ["don't", 'rock-and-roll', 'no', "it's"]],
    ['wow!!! what?! why?? eh!?', ['wow', '!!', 'what', '?!', 'why', '??', 'eh', '?!']],
    ['! ？ . ： 、', ['!', '？', '.', '：', '、']],
    ['well... ok..', ['well', '..', 'ok', '..']],
    [':-) =) <3 ^_^ -_- D: (-: 8) xD', [':-)', '=)', '<3', '^_^', '-_-', 'd:', '(-:', '8)', 'xd']],
    ['no8) xDa :3a :3 a:3', ['no8', ')', 'xda', ':', '3a', ':3', 'a', ':', '3']],
    ['😡👍', ['😡', '👍']],
    ['🇩🇪 👍🏽', ['👍']],
    ['味道好iPhone', ['味', '道', '好', 'i', 'p', 'h', 'o', 'n', 'e']],
    ['哈哈哈哈', ['哈', '哈']],
    ['ไทย', ['ไ', 'ท', 'ย']],
    ['a<br />b<BR>c', ['a', '.', 'b', '.', 'c']],
    ['Q&amp;A &lt;3 &#39; &amp;lt; &AMP;', ['q', 'a', '<3', 'lt', ';', 'amp', ';']],
    ['don&#39;t a&nbsp;b', ["don't", 'a', 'b']],
    ['été e\u0301', ['été', 'e\u0301']],
    ['ΣΑΣ İ', ['σας', 'i\u0307']],
    ['', []],
    [' \n\t', []],
  ])('%p', (text, tokens) => {
    expect(gtTokens(text, 1)).toEqual(tokens);
    expect(gtTokens(text, 2)).toEqual(tokens);
  });
});

describe('what version 2 repairs', () => {
  test.each<[string, string[], string[]]>([
    ['ok :) :( ;) (:', ['ok', '..', '..', '..', '..'], ['ok', ':)', ':(', ';)', '(:']],
    ['good！！ bad？？ ！？', ['good', '..', 'bad', '..', '..'], ['good', '!!', 'bad', '??', '?!']],
    ['mixed！! ?？', ['mixed', '!!', '??'], ['mixed', '!!', '??']],
    ['❤️ love\ufe0fly', ['❤', '\ufe0f', 'love\ufe0fly'], ['❤', 'lovely']],
    ['1000 aaa1111 8)))', ['100', 'aa11', '8))'], ['1000', 'aa1111', '8)))']],
    ['T___T :DDD', ['t__t', ':dd'], ['t___t', ':dd']],
  ])('%p', (text, first, second) => {
    expect(gtTokens(text, 1)).toEqual(first);
    expect(gtTokens(text, 2)).toEqual(second);
  });
});

describe('slots', () => {
  test.each<[string, (string | undefined)[]]>([
    ['not a very good meal', ['not', 'NOT_a', 'NOT_very', 'NOT_good', 'meal']],
    ['not good, bad', ['not', 'NOT_good', BREAK, 'bad']],
    ['not good! bad', ['not', 'NOT_good', '!', 'bad']],
    ['not good ... bad', ['not', 'NOT_good', BREAK, 'bad']],
    ['never not a b c d', ['never', 'not', 'NOT_a', 'NOT_b', 'NOT_c', 'd']],
    ['not a b never c', ['not', 'NOT_a', 'NOT_b', 'never', 'NOT_c']],
    ['isn’t it', ["isn't", 'NOT_it']],
    ['no =) x', ['no', 'NOT_=)', 'NOT_x']],
  ])('%p', (text, slots) => {
    expect(gtSlots(gtTokens(text, 1))).toEqual(slots);
  });

  test('are marked as far as is asked', () => {
    expect(gtSlots(['not', 'a', 'b'], 1)).toEqual(['not', 'NOT_a', 'b']);
    expect(gtSlots(['not', 'a', 'b'], 0)).toEqual(['not', 'a', 'b']);
  });

  test('keep the repaired emoticons within a clause', () => {
    expect(gtSlots(gtTokens('not :) x', 2))).toEqual(['not', 'NOT_:)', 'NOT_x']);
    expect(gtSlots(gtTokens('not :) x', 1))).toEqual(['not', BREAK, 'x']);
  });

  test.each(['no', "don't", 'dont', "ain't", "xn't", "n'o't", 'barely'])('%p negates', (token) => {
    expect(isNegator(token)).toBe(true);
  });

  test.each(['know', 'nots', "can'ty", 'nt', '#no', "it's"])('%p does not negate', (token) => {
    expect(isNegator(token)).toBe(false);
  });
});

describe('features', () => {
  test('of the worked example: 8 unigrams, 8 bigrams', () => {
    expect(gtFeatures('Food was great and so was the serivce!', { version: 1 })).toEqual({
      unigrams: ['food', 'was', 'great', 'and', 'so', 'the', 'serivce', '!'],
      bigrams: [
        'food was',
        'was great',
        'great and',
        'and so',
        'so was',
        'was the',
        'the serivce',
        'serivce !',
      ],
      trigrams: [],
      chars: [],
    });
  });

  test('do not reach over a break, carry marks, and are kept once', () => {
    const text = 'not good, not good. a b not good';
    const { unigrams, bigrams, trigrams } = gtFeatures(text, { version: 2, trigrams: true });
    expect(unigrams).toEqual(['not', 'NOT_good', 'a', 'b']);
    expect(bigrams).toEqual(['not NOT_good', 'a b', 'b not']);
    expect(trigrams).toEqual(['a b not', 'b not NOT_good']);
  });

  test('are switched off one by one', () => {
    const off = gtFeatures('not good', { version: 2, negation: 0, bigrams: false });
    expect(off).toEqual({ unigrams: ['not', 'good'], bigrams: [], trigrams: [], chars: [] });
  });

  test('of characters are cut from tokens without their marks', () => {
    const { chars } = gtFeatures('no ab', { version: 2, chars: [2, 3] });
    expect(chars).toEqual([
      ' <n',
      ' no',
      ' o>',
      ' <no',
      ' no>',
      ' <a',
      ' ab',
      ' b>',
      ' <ab',
      ' ab>',
    ]);
  });
});
