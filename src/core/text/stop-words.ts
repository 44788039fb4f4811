import { words as en } from 'natural/lib/natural/util/stopwords.js';
import { words as es } from 'natural/lib/natural/util/stopwords_es.js';
import { words as fr } from 'natural/lib/natural/util/stopwords_fr.js';
import { words as id } from 'natural/lib/natural/util/stopwords_id.js';
import { words as it } from 'natural/lib/natural/util/stopwords_it.js';
import { words as nl } from 'natural/lib/natural/util/stopwords_nl.js';
import { words as no } from 'natural/lib/natural/util/stopwords_no.js';
import { words as pl } from 'natural/lib/natural/util/stopwords_pl.js';
import { words as pt } from 'natural/lib/natural/util/stopwords_pt.js';
import { words as ru } from 'natural/lib/natural/util/stopwords_ru.js';
import { words as sv } from 'natural/lib/natural/util/stopwords_sv.js';
import { words as uk } from 'natural/lib/natural/util/stopwords_uk.js';

/** Stop words of the natural package by language code, as they are written: fold them like the text before comparing. */
export const STOP_WORDS: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries({ en, es, fr, id, it, nl, no, pl, pt, ru, sv, uk }),
);
