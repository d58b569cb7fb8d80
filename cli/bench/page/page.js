"use strict";
// The page of one report. What is shown follows from `shown`; draw() makes everything anew.

const report = JSON.parse(document.getElementById("report").textContent);
const figures = report.figures.filter((figure) => !figure.failure);
const byId = (id) => document.getElementById(id);
const unique = (values) => [...new Set(values)];
const carriers = unique(figures.map((figure) => figure.carrier));
let errors = 0;
window.addEventListener("error", () => { errors += 1; document.body.dataset.errors = errors; });

// --- numbers for the eye

const three = (value) => (value < 9.995 ? value.toFixed(2) : value < 99.95 ? value.toFixed(1) : value.toFixed(0));
function scaled(value, units, base = 1000) {
  let unit = 0;
  while (value >= base * 0.9995 && unit + 1 < units.length) { value /= base; unit += 1; }
  return (unit === 0 && Number.isInteger(value) ? String(value) : three(value)).replace(/\.0+(?=\D|$)/, "") + units[unit];
}
const duration = (ns) => scaled(ns, [" ns", " µs", " ms", " s"]);
const count = (n) => scaled(n, ["", " k", " M", " G"]);
const speed = (n) => scaled(n, [" B/s", " kB/s", " MB/s", " GB/s", " TB/s"]);
const size = (n) => scaled(n, [" B", " KiB", " MiB", " GiB"], 1024);

// --- colours: one for each carrier, the same in every chart; ginnel's own are warm, the kernel's are cool

const own = new Set(["topic", "latest", "queue", "channel", "service"]);
const is_own = (carrier) => own.has(carrier.replace(", in place", ""));
const dark = window.matchMedia("(prefers-color-scheme: dark)");
function colour(carrier) {
  const family = carriers.filter((other) => is_own(other) === is_own(carrier));
  const part = family.indexOf(carrier) / Math.max(family.length, 1);
  const hue = is_own(carrier) ? 345 + part * 80 : 150 + part * 165;
  const lightness = (dark.matches ? 64 : 44) + (family.indexOf(carrier) % 2 ? 8 : -4);
  return `hsl(${hue % 360} ${is_own(carrier) ? 78 : 56}% ${lightness}%)`;
}
const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// --- what is shown

const shown = {
  placement: report.placements.map((place) => place.name).find((name) => figures.some((figure) => figure.placement === name)),
  mode: null, size: null, carriers: new Set(),
};
const common = ["pipe", "unix-stream", "unix-seqpacket", "posix-queue", "shm+futex", "shm+spin", "topic", "channel", "queue", "service"];
carriers.forEach((carrier) => { if (common.includes(carrier)) shown.carriers.add(carrier); });
if (shown.carriers.size === 0) carriers.slice(0, 10).forEach((carrier) => shown.carriers.add(carrier));

const of = (what) => figures.filter((figure) => figure.what === what && figure.placement === shown.placement && figure.mode === shown.mode);
const visible = (what) => of(what).filter((figure) => shown.carriers.has(figure.carrier));
const at_size = (what) => {
  // A carrier that has not this size (a signal carries four bytes) shows its own nearest.
  const nearest = new Map();
  for (const figure of visible(what)) {
    const best = nearest.get(figure.carrier);
    if (!best || Math.abs(figure.size - shown.size) < Math.abs(best.size - shown.size)) nearest.set(figure.carrier, figure);
  }
  return [...nearest.values()];
};

function fill(select, values, chosen, text) {
  select.replaceChildren(...values.map((value) => new Option(text(value), value, false, value === chosen)));
  select.parentElement.hidden = values.length < 2;
}
function choices() {
  const here = figures.filter((figure) => figure.placement === shown.placement);
  const modes = ["sleeping", "adaptive", "polling"].filter((mode) => here.some((figure) => figure.mode === mode));
  if (!modes.includes(shown.mode)) shown.mode = modes[0];
  const sizes = unique(here.map((figure) => figure.size)).sort((a, b) => a - b).filter((n) => n > 4 || here.every((figure) => figure.size <= 4));
  if (!sizes.includes(shown.size)) shown.size = sizes.includes(64) ? 64 : sizes[0];
  fill(byId("placement"), unique(figures.map((figure) => figure.placement)), shown.placement, (name) => name);
  fill(byId("mode"), modes, shown.mode, (mode) => mode);
  fill(byId("size"), sizes, shown.size, size);
}
function chips() {
  byId("chips").replaceChildren(...carriers.map((carrier) => {
    const button = document.createElement("button");
    const dot = document.createElement("i");
    dot.style.background = colour(carrier);
    button.append(dot, carrier);
    button.setAttribute("aria-pressed", shown.carriers.has(carrier));
    button.onclick = () => { shown.carriers.has(carrier) ? shown.carriers.delete(carrier) : shown.carriers.add(carrier); draw(); };
    return button;
  }));
}

// --- charts

const charts = [];
function tooltip(read_x, read_y) {
  let tip;
  return {
    hooks: {
      init: (chart) => { tip = document.createElement("div"); tip.className = "tip"; tip.hidden = true; chart.over.append(tip); },
      setCursor: (chart) => {
        const { left, top, idx } = chart.cursor;
        tip.hidden = idx === null || idx === undefined || left < 0;
        if (tip.hidden) return;
        const rows = chart.series.slice(1).map((series, i) => [series.label, chart.data[i + 1][idx], series._colour])
          .filter((row) => row[1] > 0).sort((a, b) => b[1] - a[1]);
        const head = document.createElement("b");
        head.textContent = read_x(chart.data[0][idx]);
        tip.replaceChildren(head, ...rows.slice(0, 12).map(([label, value, stroke]) => {
          const row = document.createElement("div");
          const dot = document.createElement("i");
          dot.style.background = stroke;
          row.append(dot, `${label}  ${read_y(value)}`);
          return row;
        }));
        const room = chart.over.clientWidth;
        tip.style.left = `${left + 14 + tip.offsetWidth > room ? Math.max(0, left - tip.offsetWidth - 14) : left + 14}px`;
        tip.style.top = `${Math.min(top, Math.max(0, chart.over.clientHeight - tip.offsetHeight))}px`;
      },
    },
  };
}
function chart(id, data, series, { x, y, x_log = 10, y_linear = false, x_splits, x_tight = false, height = 320 }) {
  const place = byId(id);
  place.replaceChildren();
  if (series.length === 0 || data[0].length === 0) {
    const none = document.createElement("p");
    none.className = "none";
    none.textContent = "Not measured for this choice.";
    place.append(none);
    return;
  }
  const axis = { stroke: ink("--soft"), grid: { stroke: ink("--grid"), width: 1 }, ticks: { stroke: ink("--grid"), width: 1 }, font: "12px system-ui, sans-serif" };
  const thin = (splits, base) => splits.map((value) => (Math.abs(Math.log(value) / Math.log(base) - Math.round(Math.log(value) / Math.log(base))) < 1e-6 ? value : null));
  const drawn = new uPlot({
    width: place.clientWidth, height,
    padding: [12, 32, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 7 } },
    scales: { x: { time: false, distr: 3, log: x_log, ...(x_tight ? { range: (_, low, high) => [low, high] } : {}) }, y: y_linear ? { range: (_, low, high) => [0, high * 1.05] } : { distr: 3, log: 10 } },
    axes: [
      { ...axis, splits: x_splits, ...(x_tight ? { filter: (_, splits) => splits } : {}), values: (_, splits) => (x_splits ? splits : thin(splits, x_log)).map((value) => (value === null ? "" : x(value))), space: 46 },
      { ...axis, size: 74, values: (_, splits) => (y_linear ? splits : thin(splits, 10)).map((value) => (value === null ? "" : y(value))) },
    ],
    series: [{}, ...series.map((one) => ({ label: one.carrier, stroke: colour(one.carrier), width: 2, spanGaps: true, points: { show: data[0].length < 30, size: 6 }, ...one.style }))],
    plugins: [tooltip(x, y)],
  }, data, place);
  drawn.series.slice(1).forEach((one, i) => { one._colour = colour(series[i].carrier); });
  charts.push({ drawn, place, height });
}

// 1, 2 and 5 of each power of ten on the scale.
function round_numbers(_, __, low, high) {
  const splits = [];
  for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10) for (const step of [1, 2, 5]) if (power * step >= low && power * step <= high) splits.push(power * step);
  return splits;
}
function by_size(id, what, value, read) {
  const found = visible(what);
  const sizes = unique(found.map((figure) => figure.size)).sort((a, b) => a - b);
  const lines = unique(found.map((figure) => figure.carrier));
  const data = [sizes, ...lines.map((carrier) => sizes.map((n) => {
    const figure = found.find((one) => one.carrier === carrier && one.size === n);
    return figure ? value(figure) : null;
  }))];
  chart(id, data, lines.map((carrier) => ({ carrier })), { x: size, y: read, x_log: 2, x_splits: () => sizes, height: id === "latency" ? 400 : 320 });
}
function percentiles() {
  const found = at_size("round trip").filter((figure) => figure.percentiles);
  const points = found.length ? found[0].percentiles.map((point) => point[0]).filter((percent) => percent < 100) : [];
  const data = [points.map((percent) => 100 / (100 - percent)), ...found.map((figure) => figure.percentiles.filter((point) => point[0] < 100).map((point) => Math.max(point[1], 1)))];
  byId("percentiles-note").textContent = `${size(shown.size)}. Each step to the right is ten times rarer; the longest of all stands in the table.`;
  chart("percentiles", data, found.map((figure) => ({ carrier: figure.carrier, style: { points: { show: false } } })),
    { x: (value) => `${+(100 - 100 / value).toFixed(4)} %`, y: duration, x_splits: () => [1, 2, 10, 100, 1000, 1e4, 1e5] });
}
function histogram() {
  const found = at_size("round trip").filter((figure) => figure.histogram);
  const lows = unique(found.flatMap((figure) => figure.histogram.map((bucket) => bucket[0]))).filter((low) => low > 0).sort((a, b) => a - b);
  const shares = found.map((figure) => {
    const counts = new Map(figure.histogram.map((bucket) => [bucket[0], bucket[2]]));
    const total = figure.histogram.reduce((sum, bucket) => sum + bucket[2], 0);
    return lows.map((low) => (100 * (counts.get(low) || 0)) / total);
  });
  // What is rarer than one in ten thousand would only stretch the picture.
  const keep = lows.map((_, i) => shares.some((share) => share[i] > 0.01));
  const first = keep.indexOf(true), last = keep.lastIndexOf(true);
  const cut = (values) => values.slice(Math.max(first, 0), last + 1);
  byId("histogram-note").textContent = `${size(shown.size)}. Share of the round trips in each eighth of an octave; one in ten thousand and rarer is left out.`;
  chart("histogram", [cut(lows), ...shares.map(cut)], found.map((figure) => ({
    carrier: figure.carrier,
    style: { points: { show: false }, paths: uPlot.paths.stepped({ align: 1 }), fill: colour(figure.carrier).replace(")", " / .14)"), width: 1.5 },
  })), { x: duration, y: (value) => `${+value.toFixed(1)} %`, y_linear: true, x_tight: true, x_splits: round_numbers });
}
function cpu() {
  const found = at_size("one way").sort((a, b) => a.cpu_first_ns + a.cpu_second_ns - b.cpu_first_ns - b.cpu_second_ns);
  const widest = Math.max(...found.map((figure) => figure.cpu_first_ns + figure.cpu_second_ns), 1);
  byId("cpu").replaceChildren(...found.flatMap((figure) => {
    const name = document.createElement("span");
    name.textContent = figure.carrier;
    const bar = document.createElement("div");
    bar.className = "bar";
    for (const side of ["first", "second"]) {
      const part = document.createElement("div");
      part.className = side;
      part.style.width = `${(100 * figure[`cpu_${side}_ns`]) / widest}%`;
      part.title = `${side === "first" ? "sender" : "receiver"} ${duration(figure[`cpu_${side}_ns`])}`;
      bar.append(part);
    }
    const told = document.createElement("span");
    told.textContent = duration(figure.cpu_first_ns + figure.cpu_second_ns);
    return [name, bar, told];
  }));
}

// --- the table

const columns = [
  ["mechanism", (row) => row.carrier, String],
  ["mode", (row) => row.mode, String],
  ["size", (row) => row.size, size],
  ["p50", (row) => row.trip?.latency_ns.p50, duration],
  ["p90", (row) => row.trip?.latency_ns.p90, duration],
  ["p99", (row) => row.trip?.latency_ns.p99, duration],
  ["p99.9", (row) => row.trip?.latency_ns.p99_9, duration],
  ["max", (row) => row.trip?.latency_ns.max, duration],
  ["× limit", (row) => row.trip?.ratio_to_limit, three],
  ["messages/s", (row) => row.flow?.rate, count],
  ["bytes/s", (row) => row.flow?.bytes_per_second, speed],
  ["× limit", (row) => row.flow?.ratio_to_limit, three],
  ["CPU/message", (row) => row.flow && row.flow.cpu_first_ns + row.flow.cpu_second_ns, duration],
  ["switches/message", (row) => (row.flow || row.trip)?.context_switches, (value) => value.toFixed(2)],
  ["calls/message", (row) => (row.flow || row.trip)?.system_calls, (value) => value.toFixed(2)],
  ["spread", (row) => { const one = row.trip || row.flow; return one && one.value > 0 ? (50 * (one.high - one.low)) / one.value : undefined; }, (value) => `±${value.toFixed(value < 1 ? 1 : 0)} %`],
];
const sorting = { column: 3, down: false };
function table() {
  const rows = new Map();
  for (const figure of figures.filter((one) => one.placement === shown.placement && one.what !== "open loop")) {
    const key = [figure.carrier, figure.mode, figure.size].join("\n");
    if (!rows.has(key)) rows.set(key, { carrier: figure.carrier, mode: figure.mode, size: figure.size });
    rows.get(key)[figure.what === "round trip" ? "trip" : "flow"] = figure;
  }
  const read = columns[sorting.column][1];
  const sorted = [...rows.values()].sort((a, b) => {
    const x = read(a), y = read(b);
    if (x === undefined || x === null) return 1;
    if (y === undefined || y === null) return -1;
    return (x < y ? -1 : x > y ? 1 : 0) * (sorting.down ? -1 : 1);
  });
  const head = document.createElement("tr");
  columns.forEach(([title], i) => {
    const cell = document.createElement("th");
    cell.textContent = title;
    if (i === sorting.column) cell.setAttribute("aria-sort", sorting.down ? "descending" : "ascending");
    cell.onclick = () => { sorting.down = sorting.column === i && !sorting.down; sorting.column = i; table(); };
    head.append(cell);
  });
  const body = document.createElement("tbody");
  for (const row of sorted) {
    const line = document.createElement("tr");
    for (const [, value, text] of columns) {
      const cell = document.createElement("td");
      const found = value(row);
      cell.textContent = found === undefined || found === null ? "–" : text(found);
      line.append(cell);
    }
    body.append(line);
  }
  const top = document.createElement("thead");
  top.append(head);
  byId("table").replaceChildren(top, body);
}

// --- what does not change

function pairs(id, entries) {
  byId(id).replaceChildren(...entries.flatMap(([term, text]) => {
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = term;
    dd.textContent = text;
    return [dt, dd];
  }));
}
function header() {
  const { machine, limits, noise, options } = report;
  const when = new Date(report.when * 1000).toISOString().replace("T", " ").slice(0, 16);
  byId("machine").textContent = `${machine.processor}, ${machine.processors} processors, Linux ${machine.kernel}; ${when} UTC.`;
  byId("warnings").replaceChildren(...[...noise.warnings, ...(report.interrupted ? ["interrupted: only a part was measured"] : [])].map((text) => {
    const item = document.createElement("li");
    item.textContent = text;
    return item;
  }));
  const best = (what, mode, pick) => figures.filter((figure) => figure.what === what && (!mode || figure.mode === mode) && figure.size <= 64).sort(pick)[0];
  const quicker = (a, b) => a.value - b.value, more = (a, b) => b.value - a.value;
  const tiles = [];
  const tile = (term, value, note) => tiles.push([term, value, note]);
  const pair = limits.pairs[0];
  if (pair?.cache_line_ns) tile("A cache line, there and back", duration(pair.cache_line_ns), `the limit; ${pair.placement}`);
  const polling = best("round trip", "polling", quicker);
  if (polling) tile("Quickest round trip, polling", duration(polling.value), `${polling.carrier}, ${size(polling.size)}`);
  if (pair) tile("A futex wake, there and back", duration(pair.futex_ns), `the limit; ${pair.placement}`);
  const sleeping = best("round trip", "sleeping", quicker);
  if (sleeping) tile("Quickest round trip, asleep", duration(sleeping.value), `${sleeping.carrier}, ${size(sleeping.size)}`);
  const flow = best("one way", null, more);
  if (flow) tile("Most messages a second", count(flow.rate), `${flow.carrier}, ${flow.mode}, ${size(flow.size)}`);
  byId("tiles").replaceChildren(...tiles.map(([term, value, note]) => {
    const box = document.createElement("div"), dt = document.createElement("dt"), dd = document.createElement("dd"), small = document.createElement("small");
    dt.textContent = term;
    small.textContent = note;
    dd.append(value, small);
    box.append(dt, dd);
    return box;
  }));
  const copy = limits.copies[limits.copies.length - 1];
  pairs("facts", [
    ["Processor", `${machine.processor}, ${machine.processors} used; ${report.placements.map((place) => `${place.name}: ${unique([place.first, place.second]).join(" and ")}`).join("; ")}`],
    ["Kernel, memory", `Linux ${machine.kernel}, ${size(machine.memory_bytes)}`],
    ["Program", `ginnel ${report.version}, ${machine.compiler}`],
    ["Limits", `${limits.pairs.map((one) => `${one.placement}: ${one.cache_line_ns ? `cache line ${duration(one.cache_line_ns)}, ` : ""}futex ${duration(one.futex_ns)}`).join("; ")}; system call ${duration(limits.system_call_ns)}; reading the clock ${duration(limits.clock_ns)}${copy ? `; copying ${size(copy.bytes)} at ${speed((copy.bytes * 1e9) / copy.ns)}` : ""}`],
    ["Method", `${options.repeats} repeats of each measurement in shuffled order (seed ${options.seed}), warm-up before each; ${report.seconds.toFixed(0)} s in all. Figures are medians of the repeats, percentiles are of all messages, the spread is half the distance between the extremes. Each timed round trip contains one reading of the clock.`],
    ["Other load", `${(noise.others * 100).toFixed(1)} % of the processors' time went to other processes, ${(noise.stolen * 100).toFixed(1)} % to other machines; governor ${noise.governor || "unknown"}`],
  ]);
}

function draw() {
  charts.splice(0).forEach((one) => one.drawn.destroy());
  choices();
  chips();
  by_size("latency", "round trip", (figure) => figure.value, duration);
  by_size("messages", "one way", (figure) => figure.rate, count);
  by_size("bytes", "one way", (figure) => figure.bytes_per_second, speed);
  percentiles();
  histogram();
  cpu();
  table();
}
for (const id of ["placement", "mode", "size"])
  byId(id).onchange = (event) => { shown[id] = id === "size" ? Number(event.target.value) : event.target.value; draw(); };
dark.addEventListener("change", draw);
new ResizeObserver(() => charts.forEach((one) => { if (one.drawn.width !== one.place.clientWidth && one.place.clientWidth > 0) one.drawn.setSize({ width: one.place.clientWidth, height: one.height }); })).observe(document.body);

header();
draw();

// For the test of this page: how many charts have anything on them. A timer, since a browser that shows nothing need not make frames.
setTimeout(() => {
  const filled = charts.filter(({ place }) => {
    const canvas = place.querySelector("canvas");
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    return pixels.some((value) => value !== 0);
  });
  document.body.dataset.charts = filled.length;
  document.body.dataset.errors = errors;
}, 200);
