//! One page that needs nothing else: the picture, and beside it the plan of the cell that is pointed at.

use super::{cells, picture, Drawn};
use crate::output::markup;

const SCRIPT: &str = r##"
const cells = JSON.parse(document.getElementById("cells").textContent);
const columns = Number(document.body.dataset.columns);
const panel = document.getElementById("panel");
let fixed = null;
const cellOf = node => cells[Number(node.dataset.row) * columns + Number(node.dataset.column)];
const linkOf = node => "#" + encodeURIComponent(cellOf(node).format + ", " + cellOf(node).use);
function keep(node) {
  if (fixed) fixed.classList.remove("fixed");
  fixed = node;
  if (fixed) fixed.classList.add("fixed");
}
function show(node) {
  const cell = cellOf(node);
  const lines = [["", cell.format + " for " + cell.use]];
  if (cell.refused) lines.push(["refused", cell.refused.cause + ": " + cell.refused.message]);
  else lines.push(["heaps", cell.heaps.join(", then ")]);
  if (cell.rule) lines.push(["rule", cell.rule]);
  if (cell.rule_hits) lines.push(["", cell.rule_hits + " requests since the service started"]);
  for (const live of cell.live || []) lines.push(["live", live.buffers + " of " + live.bytes + " bytes from " + live.heap]);
  if (cell.becomes) lines.push(["becomes", cell.becomes]);
  if (cell.compressed) lines.push(["compressed by", cell.compressed]);
  if (cell.alignments.length) lines.push(["aligned by", cell.alignments.join(", ")]);
  for (const plane of cell.planes) lines.push(["plane", plane]);
  lines.push(["explain", document.body.dataset.explain + " " + cell.explain]);
  panel.replaceChildren(...lines.flatMap(([key, value]) => {
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = key; dd.textContent = value;
    return [dt, dd];
  }));
}
for (const node of document.querySelectorAll(".cell")) {
  node.addEventListener("mouseenter", () => { if (!fixed) show(node); });
  node.addEventListener("focus", () => { if (!fixed) show(node); });
  node.addEventListener("click", () => {
    keep(fixed === node ? null : node);
    history.replaceState(null, "", fixed ? linkOf(node) : "#");
    show(node);
  });
}
const nodes = [...document.querySelectorAll(".cell")];
keep(nodes.find(node => linkOf(node) === location.hash) || null);
show(fixed || nodes[0]);
"##;

pub(super) fn of(drawn: &Drawn<'_>) -> String {
    // `<` as an escape, so that no text of a policy ends the script element.
    let data = cells(drawn).to_string().replace('<', "\\u003c");
    let title = markup(&format!("Policy {}", drawn.policy.name));
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title><style>:root{{color-scheme:light dark}}{}\
         body{{font:15px/1.5 system-ui,sans-serif;margin:1em}}.grid{{overflow-x:auto}}\
         .cell{{cursor:pointer;outline:none}}.map .cell:focus .c,.map .cell:hover .c,.map .cell.fixed .c{{stroke:currentColor;stroke-width:3}}\
         dl{{display:grid;grid-template-columns:max-content 1fr;gap:.1em 1em;min-height:11em;margin:.5em 0}}dt{{opacity:.7}}\
         dd{{margin:0}}p{{opacity:.7;margin:0}}</style></head><body class=\"page\" data-explain=\"{}\" data-columns=\"{}\">\n\
         <p>Point at a cell for its plan; click to keep it, and for a link to it.</p><dl id=\"panel\"></dl>\n\
         <div class=\"grid\">{}</div>\n<script type=\"application/json\" id=\"cells\">{data}</script>\n<script>{SCRIPT}</script>\n\
         </body></html>\n",
        picture::style(),
        markup(&drawn.explain),
        drawn.map.uses.len(),
        picture::inline(drawn)
    )
}
