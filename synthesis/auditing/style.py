"""How the page of an audit looks, and the script that filters it. Not here: what stands on it (`page.py`)."""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark;--bg:#fbfaf8;--card:#fff;--ink:#22262b;--soft:#6a727c;--line:#e3e0da;--user:#e8f0fb;--mark:#fff6dc;
--code:#f4f2ee;
--replays:#b3372f;--effects:#a4610c;--grounded:#6f42a8;--available:#0f6e84;--consistent:#2f6fb3;--robust:#3d7a35}
@media(prefers-color-scheme:dark){:root{--bg:#17191c;--card:#1f2226;--ink:#e4e6e9;--soft:#9aa2ac;--line:#343940;--user:#22324a;
--mark:#3a3319;--code:#2a2d32;
--replays:#e0736b;--effects:#dda14f;--grounded:#b193e0;--available:#5fb8cc;--consistent:#7fb2e6;--robust:#86c07d}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
header,main{max-width:1280px;margin:0 auto;padding:0 1.25rem}header{padding-top:1.5rem}h1{font-size:1.5rem;margin:0 0 .25rem;
overflow-wrap:anywhere}
.figures span{margin-right:1.5rem;color:var(--soft)}.figures b{font-size:1.4rem;color:var(--ink)}
.clean{background:var(--card);border:1px solid var(--line);border-left:4px solid var(--robust);padding:1rem;border-radius:8px}
table{border-collapse:collapse;margin:.5rem 0 1rem;background:var(--card);border:1px solid var(--line);border-radius:8px;overflow:hidden}
th,td{padding:.35rem .8rem;text-align:left;border-bottom:1px solid var(--line)}th{color:var(--soft);font-weight:500}
td:nth-child(n+3),th:nth-child(n+3){text-align:right}
.kind{display:inline-block;color:#fff;background:var(--soft);border-radius:99px;padding:0 .6em;font-size:.8rem;margin-right:.3em}
@media(prefers-color-scheme:dark){.kind{color:#17191c}}
.replays{background:var(--replays)}.effects{background:var(--effects)}.grounded{background:var(--grounded)}
.available{background:var(--available)}.consistent{background:var(--consistent)}.robust{background:var(--robust)}
#filters{position:sticky;top:0;z-index:1;display:flex;flex-wrap:wrap;gap:.75rem;align-items:center;padding:.6rem 0;background:var(--bg);
border-bottom:1px solid var(--line)}
fieldset{border:1px solid var(--line);border-radius:8px;padding:.1rem .7rem .3rem}legend{color:var(--soft);font-size:.8rem}
label{margin-right:.8rem;white-space:nowrap}
input[type=search]{flex:1;min-width:12rem;padding:.45rem .7rem;border:1px solid var(--line);border-radius:8px;background:var(--card);
color:inherit;font:inherit}
output{color:var(--soft)}
.task{background:var(--card);border:1px solid var(--line);border-radius:10px;margin:.8rem 0;padding:.2rem .9rem;content-visibility:auto;
contain-intrinsic-size:auto 3rem}
summary{cursor:pointer;padding:.5rem 0}summary code{margin-right:.8em;font-weight:600}.count{color:var(--soft);margin-left:.4em}
.turn{display:grid;grid-template-columns:minmax(0,3fr) minmax(0,2fr);gap:1.2rem;border-top:1px solid var(--line);padding:.7rem 0}
@media(max-width:800px){.turn{grid-template-columns:1fr}}
h3{margin:0;color:var(--soft);font-size:.8rem;font-weight:500}.user{background:var(--user);border-radius:12px 12px 12px 3px;
padding:.5rem .8rem;margin:.3rem 0;white-space:pre-wrap;overflow-wrap:anywhere}
.reply{border-left:3px solid var(--line);padding:.1rem .8rem;margin:.3rem 0;white-space:pre-wrap;overflow-wrap:anywhere}
.released,.nocall{color:var(--soft);margin:.2rem 0;font-style:italic}
ol{margin:.2rem 0;padding-left:1.6rem;color:var(--soft)}li{color:var(--ink);margin:.25rem 0;padding:.2rem .4rem;border-radius:6px}
li.marked{background:var(--mark)}
code,pre{font:13px/1.45 ui-monospace,monospace;overflow-wrap:anywhere;white-space:pre-wrap}pre{margin:.15rem 0 0;color:var(--soft);
max-height:8rem;overflow:auto}
li.failed pre{color:var(--replays)}.changed{color:var(--soft);margin-left:.4em}
.note{border:1px solid var(--line);border-left:4px solid var(--soft);border-radius:8px;padding:.5rem .8rem;margin:0 0 .6rem;
background:var(--bg)}
.note.high{border-left-color:var(--replays)}.note.medium{border-left-color:var(--effects)}.note p{margin:.3rem 0;overflow-wrap:anywhere}
.note small,.where{color:var(--soft)}
[hidden]{display:none!important}
"""

SCRIPT = """
'use strict';
const form=document.getElementById('filters'),find=form.querySelector('input[type=search]'),out=form.querySelector('output');
const cards=[...document.querySelectorAll('.task')].map(card=>({card,notes:[...card.querySelectorAll('.note')]}));
const texts=new WeakMap();
function text(card){let t=texts.get(card);if(t===undefined){t=card.textContent.toLowerCase();texts.set(card,t)}return t}
function apply(){
  const on=name=>new Set([...form.querySelectorAll('[name='+name+']:checked')].map(box=>box.value));
  const kinds=on('kind'),levels=on('confidence'),wanted=find.value.trim().toLowerCase();let shown=0;
  for(const {card,notes} of cards){let some=0;
    for(const note of notes){const fits=kinds.has(note.dataset.kind)&&levels.has(note.dataset.confidence);note.hidden=!fits;some+=fits}
    const seen=some>0&&(!wanted||text(card).includes(wanted));card.hidden=!seen;if(seen)shown+=some}
  out.textContent=shown.toLocaleString()+' findings shown';
}
let waiting;form.addEventListener('input',()=>{clearTimeout(waiting);waiting=setTimeout(apply,120)});
form.addEventListener('submit',event=>event.preventDefault());apply();
"""
