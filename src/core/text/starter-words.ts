/**
 * Words, phrases and signs of the starter, with their values, -5 … 5: what AFINN-165 lacks, or values otherwise. Written by hand for
 * this project from general knowledge; the English part was developed on yelp-750 and on no other set.
 *
 * A line is a value and its entries, parted by spaces; `+` is the space of a phrase of two words. 0 takes a value away.
 */

export type StarterLine = readonly [value: number, entries: string];

/** Reviews of things, meals and films, complaints, messages. */
export const ENGLISH: readonly StarterLine[] = [
  [
    4,
    'mouthwatering scrumptious flawless flawlessly unmatched unbeatable delish phenomenal phenomenally superbly must-have must-see',
  ],
  [
    4,
    'must+have must+see must+read must+try must+buy must+visit highly+recommend highly+recommended well+worth worth+every thumbs+up',
  ],
  [
    4,
    'five+stars 5+stars best+ever love+it loved+it loves+it love+this loved+this love+them the+bomb',
  ],
  [
    3,
    'tasty flavorful flavourful yum deliciously heavenly incredible incredibly nicest kindest tastiest freshest',
  ],
  [
    3,
    'attentive courteous welcoming knowledgeable prompt promptly cozy cosy spotless affordable comfy sleek intuitive effortless',
  ],
  [3, 'compelling engaging witty refreshing gorgeous unforgettable captivating speedy'],
  [
    3,
    'masterful masterfully brilliantly wonderfully lyrical enchanting spellbinding uplifting soulful tour-de-force',
  ],
  [3, 'yay woot hooray tysm thx thanx ily stoked psyched blessed goodnight'],
  [
    3,
    'spot+on so+good very+good really+good be+back come+back will+return thank+you thanks+for a+hit reasonably+priced hassle-free',
  ],
  [
    2,
    'moist juicy crispy creamy easily smoothly conveniently convenient handy lightweight compact',
  ],
  [
    2,
    'moving touching timeless well-made well-written well-acted page-turner inventive nuanced wry quirky subtle vivid',
  ],
  [2, 'authentic reasonable timely versatile lovin lmao haha hahah xoxo excitement perfection'],
  [
    2,
    'as+advertised as+described great+value good+value no+problem no+problems no+complaints no+issues not+bad not+disappointed',
  ],
  [
    1,
    'fast quick quickly easy+to always definitely happily favorite favourite fav homemade crisp plenty',
  ],
  [0, 'pretty please number warm kind desired quality focused hard dead cut pay warnings'],
  [-1, 'overly somewhat supposedly barely average cramped pricey oily greasy dry salty minutes'],
  [
    -2,
    'slow slowly cold bland stale soggy mushy flavorless overcooked tasteless shallow predictable flat clumsy clunky meh',
  ],
  [
    -2,
    'overpriced over-priced flimsy cheaply elsewhere waited waiting packed unhelpful inattentive',
  ],
  [
    -2,
    'tedious contrived formulaic derivative banal cliche clichéd cliched clichés repetitive overlong overrated overhyped hackneyed',
  ],
  [
    -2,
    'underwhelming muddled heavy-handed sappy schmaltzy trite stilted amateurish half-baked ponderous',
  ],
  [
    -2,
    'refund refunded returned returning returns broke broken stopped scratched cracked leaks leaking leaked overheats unfortunately',
  ],
  [-2, 'eew eww ew ick boo argh grr puking nauseous hungover swollen'],
  [
    -2,
    'at+best so+slow very+slow too+slow too+long too+expensive too+much too+bad to+wait on+hold no+one no+longer fell+apart',
  ],
  [
    -3,
    'inedible gross grossed lousy mediocre disgraceful negligent rudely rudest unacceptable unwelcome not+worth',
  ],
  [
    -3,
    'unwatchable unreadable unusable unreliable incoherent lifeless uninspired unfunny humorless mindless pretentious insipid',
  ],
  [-3, 'fml smh pissed pissd sux blows bummed bummer lame yuck yucky junk'],
  [-3, 'look+elsewhere sent+back stay+away zero+stars one+star 1+star not+again wont+be'],
  [
    -4,
    'never+again never+going never+return not+recommend not+buy dont+buy dont+waste not+waste waste+of rip+off ripoff rip-off',
  ],
  [
    -4,
    "don't+waste don't+buy won't+be never+back not+be waste+your worst+ever very+disappointed so+disappointed",
  ],
];

/** Emoticons, and emoji of the code points that the tokenizer gives alone. */
export const SIGNS: readonly StarterLine[] = [
  [
    3,
    '<3 <33 :d :-d =d ;d xd ^_^ ^^ 😍 🥰 😘 🤩 😻 ❤ 🧡 💛 💚 💙 💜 🤎 🖤 🤍 💖 💕 💗 💓 💞 💘 💝 ♥ 🏆 💯 🎉 🥳 🙌 👏 👍 🤗 😁 😄 😃 🌟 ⭐',
  ],
  [
    2,
    ':) :-) =) ;) ;-) (: (-: :] :p :-p ;p =p :* :-* 😊 🙂 ☺ 😀 😆 😂 🤣 😉 😋 😎 😇 🙏 👌 💪 ✨ 🔥 🎊 🎁 😌 🤤 ✌ 😺 🌞 🌈 😅',
  ],
  [
    -2,
    ':( :-( =( ): )-: :[ :/ :-/ =/ :\\ :-\\ :| -_- 😕 🙁 ☹ 😟 😒 😞 😔 😣 😖 😩 😫 😓 😥 😰 😨 😬 🙄 😑 😐 😪 🤒 🤕 😿 💀',
  ],
  [-3, "d: :'( >:( t_t 😢 😭 😡 😠 🤬 😤 😱 💔 👎 🤮 🤢 🖕 💩 😾 🚫 ⛔"],
];

/** Simplified Chinese; a character is a token, so a word of two is a phrase. Developed on no rows. */
export const CHINESE: readonly StarterLine[] = [
  [4, '好+吃 美+味 很+好 超+赞 太+棒 完+美 不+错 优+秀 最+爱 强+烈'],
  [
    3,
    '赞 棒 满+意 喜+欢 推+荐 好+评 开+心 热+情 可+口 惊+喜 感+谢 谢+谢 值+得 很+快 精+彩 漂+亮 舒+服 贴+心 好+喝 好+看',
  ],
  [
    2,
    '快 香 鲜 实+惠 新+鲜 准+时 干+净 方+便 及+时 足+够 划+算 便+宜 爱 好 支+持 耐+心 幸+福 快+乐 辛+苦 不+贵',
  ],
  [
    -2,
    '慢 凉 贵 冷 少 差 硬 油+腻 一+般 太+少 太+贵 太+咸 太+油 没+有 无+语 退+款 退+货 催 等+了 久 晚 洒 撒',
  ],
  [
    -3,
    '难+受 失+望 后+悔 糟+糕 投+诉 态+度 凉+了 冷+了 不+行 不+新 太+慢 很+慢 太+差 很+差 送+错 漏 破 坏 脏 臭 怒 骗 假 烂',
  ],
  [
    -4,
    '难+吃 差+评 垃+圾 恶+心 不+好 坑+人 极+差 不+满 不+会 讨+厌 难+喝 难+看 太+烂 不+值 超+慢 再+也',
  ],
];

/** Words that mean nothing else in English. Developed on no rows, and measured on none. */
export const GERMAN: readonly StarterLine[] = [
  [
    4,
    'hervorragend fantastisch großartig wunderbar ausgezeichnet perfekt begeistert traumhaft sehr+gut ist+gut war+gut und+gut gut+und',
  ],
  [
    3,
    'schön lecker zufrieden empfehlen empfehlenswert freundlich liebe danke glücklich freue spitze angenehm köstlich gerne+wieder',
  ],
  [
    2,
    'gute guter gutes schnell hilfreich sauber günstig pünktlich gemütlich zuverlässig gefällt gerne',
  ],
  [
    -2,
    'langsam teuer leider kaputt schade unfreundlich enttäuscht enttäuschend langweilig verspätung ärgerlich nervt dreckig',
  ],
  [
    -3,
    'schlecht schlechte schlechter mies furchtbar unverschämt frechheit hasse traurig ekelhaft nicht+gut finger+weg',
  ],
  [-4, 'schrecklich katastrophe grauenhaft miserabel scheiße beschissen nie+wieder'],
];

/** As {@link GERMAN}. Negators of English work here too: `no me gusta`. */
export const SPANISH: readonly StarterLine[] = [
  [
    4,
    'excelente fantástico maravilloso maravillosa increíble perfecto perfecta estupendo magnífico espectacular muy+bueno muy+buena',
  ],
  [
    3,
    'bueno buena buenos buenas encanta encantó gracias feliz delicioso deliciosa recomiendo recomendable hermoso',
  ],
  [2, 'bien gusta gustó bonito bonita rápido rápida amable limpio divertido contento mejor'],
  [
    -2,
    'malo mala lento lenta caro cara sucio triste aburrido aburrida lamentable roto tarde problema',
  ],
  [
    -3,
    'decepcionante decepcionado decepción odio asco peor feo pésima pésimo muy+malo muy+mala mal+servicio',
  ],
  [-4, 'horroroso asqueroso nunca+más'],
];

/** As {@link GERMAN}. */
export const FRENCH: readonly StarterLine[] = [
  [
    4,
    'magnifique génial géniale merveilleux parfait parfaite délicieux délicieuse très+bon très+bonne très+bien',
  ],
  [3, 'bon bonne merci heureux heureuse recommande super+bien agréable sympa superbe'],
  [2, 'bien aime joli jolie propre gentil meilleur efficace accueillant'],
  [-2, 'mauvais mauvaise lente chère déçu déçue dommage ennuyeux triste cassé froid'],
  [-3, 'décevant décevante nulle déteste arnaque honteux dégueulasse pas+bon pas+bien'],
  [-4, 'affreux catastrophique lamentable dégoûtant plus+jamais à+fuir à+éviter'],
];
