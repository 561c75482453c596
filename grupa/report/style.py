"""The style sheet of a report, for screens and for paper."""

STYLE = """
* { box-sizing: border-box; }
html { font-size: 15px; }
body { font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; color: #16181d; background: #fff; margin: 0; }
header.letterhead, main { max-width: 54rem; margin: 0 auto; padding: 0 1.5rem; }
header.letterhead { display: flex; align-items: center; gap: 1.2rem; padding-top: 1.8rem; padding-bottom: .8rem;
  border-bottom: 3px solid var(--accent); }
.logo { max-height: 3.2rem; max-width: 11rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0; }
header p { margin: .2rem 0 0; color: #565c68; }
h2 { font-size: 1.45rem; line-height: 1.25; margin: 2.2rem 0 .6rem; border-left: 6px solid var(--accent); padding-left: .6rem; }
h3 { font-size: 1.1rem; margin: 1.6rem 0 .4rem; }
h4 { font-size: 1rem; margin: 0 0 .2rem; }
p { margin: .3rem 0; }
q { quotes: none; }
small, figcaption, .summary { color: #565c68; }
code { font-size: .8em; color: #565c68; overflow-wrap: anywhere; }
figure { margin: 1rem 0; }
svg.map { width: 100%; height: auto; border: 1px solid #e3e6ec; border-radius: 8px; display: block; }
dl.facts { display: flex; flex-wrap: wrap; gap: .6rem 2.6rem; margin: 1.2rem 0 .8rem; }
dl.facts div { display: flex; flex-direction: column; }
dl.facts dd { margin: 0; font-size: 1.8rem; font-weight: 700; line-height: 1.15; }
dl.facts dt { color: #565c68; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; font-size: .88rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid #e3e6ec; }
th { font-weight: 600; }
thead th { color: #565c68; font-weight: 500; }
table.evidence th:first-child { width: 38%; }
table.evidence { font-size: .8rem; }
.dot { display: inline-block; width: .7em; height: .7em; border-radius: 50%; margin-right: .5em; }
table.funnel caption { text-align: left; color: #565c68; }
table.funnel th[scope=row] { width: 26%; }
table.funnel td.bars { width: 30%; vertical-align: middle; }
.bar { display: block; height: .85em; border-radius: 3px; min-width: 2px; }
tr.worst > * { background: #fdf0e4; }
.insight { border: 1px solid #e3e6ec; border-radius: 8px; padding: .8rem 1rem; margin: .6rem 0; }
.brief { border-top: 2px solid #16181d; padding-top: .8rem; margin-top: 1.4rem; }
@media screen and (max-width: 40rem) {
  header.letterhead, main { padding-left: 1rem; padding-right: 1rem; }
  table.evidence thead, table.groups thead { display: none; }
  table.evidence td, table.groups td { display: inline-block; border: 0; padding: 0 .6rem 0 0; }
  table.evidence td:first-child, table.groups td:first-child { display: block; font-weight: 600; padding-top: .4rem; }
  table.funnel td.bars { width: 18%; }
}
@page { size: A4; margin: 16mm 15mm;
  @bottom-right { content: counter(page) " / " counter(pages); font: 9px sans-serif; color: #565c68; } }
@media print {
  html { font-size: 10.5px; }
  header.letterhead, main { max-width: none; padding-left: 0; padding-right: 0; }
  header.letterhead { padding-top: 0; }
  section.cluster { break-before: page; }
  header + main > section.cluster:first-child { break-before: auto; }
  h2, h3, h4 { break-after: avoid; }
  tr, figure, dl.facts { break-inside: avoid; }
}
"""
