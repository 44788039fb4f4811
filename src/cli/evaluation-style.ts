/** The style sheet of HTML reports: readable in light and in dark, with the reader's own fonts. */
import { Markup } from './evaluation-markup.ts';

/** Eight colours after Okabe and Ito's palette for all kinds of colour vision, darker on white and lighter on black. */
const LIGHT = [
  '#0067a5',
  '#c24e00',
  '#00795a',
  '#a3457c',
  '#8a6a00',
  '#2b9ed8',
  '#5b4bb5',
  '#333333',
];
const DARK = [
  '#5ab4f0',
  '#ff9a4d',
  '#2fd0a3',
  '#ee9cc9',
  '#f0dc4e',
  '#9be0ff',
  '#b3a5ff',
  '#eeeeee',
];

const variables = (colours: readonly string[]): string =>
  colours.map((colour, index) => `--c${index}:${colour};`).join('');
const rules = LIGHT.map(
  (_, index) =>
    `.line.c${index}{stroke:var(--c${index})}.dot.c${index},.bar.c${index}{fill:var(--c${index})}`,
).join('\n');

export const STYLE = new Markup(`<style>
:root{color-scheme:light dark;--paper:#fff;--ink:#1d2126;--quiet:#59616b;--rule:#dfe3e8;--hit:#00795a;--miss:#c24e00;${variables(LIGHT)}}
@media (prefers-color-scheme:dark){:root{--paper:#15181c;--ink:#e6e9ed;--quiet:#a2abb6;--rule:#353b43;--hit:#2fd0a3;--miss:#ff9a4d;${variables(DARK)}}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main,footer{max-width:1200px;margin:0 auto;padding:0 20px}
footer{padding:24px 20px;color:var(--quiet);font-size:13px}
h1{font-size:24px;margin:24px 0 4px;overflow-wrap:anywhere}
h2{font-size:18px;margin:32px 0 8px;border-bottom:1px solid var(--rule);padding-bottom:4px}
h3{font-size:15px;margin:20px 0 6px;overflow-wrap:anywhere}
p{margin:4px 0 8px}
small,caption,.baseline{color:var(--quiet)}
small{font-weight:400}
.scroll{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
caption{text-align:left;padding-bottom:4px;font-size:13px;white-space:nowrap}
th,td{padding:4px 12px;text-align:right;border-bottom:1px solid var(--rule);white-space:nowrap}
th:first-child{text-align:left;padding-left:0}
th[scope=row]{font-weight:500;white-space:normal;overflow-wrap:anywhere;min-width:120px}
.baseline th[scope=row]{font-weight:400}
.matrix td{background:color-mix(in srgb,var(--miss) var(--share),transparent)}
.matrix td.hit{background:color-mix(in srgb,var(--hit) var(--share),transparent)}
.pairs{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:16px 24px}
.row{display:flex;flex-wrap:wrap;gap:16px 40px;align-items:flex-start}
figure{margin:0;min-width:0;max-width:100%}
figcaption{font-weight:500;margin:4px 0;overflow-wrap:anywhere}
.row figure{width:360px}
.legend{list-style:none;margin:0 0 8px;padding:0;display:flex;flex-wrap:wrap;gap:2px 22px}
.key{width:26px;height:10px;vertical-align:middle}
.chart,.square{width:100%;height:auto;display:block}
summary{cursor:pointer;color:var(--quiet);font-size:13px}
svg text{fill:var(--quiet);font:11.5px system-ui,sans-serif}
svg .label{fill:var(--ink)}
svg .small{font-size:9px}
.grid{stroke:var(--rule);stroke-width:1}
.axis,.tick{stroke:var(--quiet);stroke-width:1}
.line{fill:none;stroke-width:2;stroke-linejoin:round}
.bar{opacity:.55}
.dot{stroke:var(--paper);stroke-width:1}
.ideal{stroke:var(--quiet);stroke-width:1.2;stroke-dasharray:5 4}
.line.d1{stroke-dasharray:9 3}
.line.d2{stroke-dasharray:4 3}
.line.majority{stroke:var(--quiet);stroke-width:1.5;stroke-dasharray:7 4}
.line.nochange{stroke:var(--quiet);stroke-width:1.8;stroke-dasharray:1.5 4;stroke-linecap:round}
.dot.majority,.dot.nochange{fill:var(--quiet)}
${rules}
@media print{details{display:none}figure,section{break-inside:avoid}}
</style>`);
