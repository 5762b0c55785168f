// Draws the charts of a report and runs its tables, from the numbers that stand in the page.
// Texts of users are set as text, never as markup.
"use strict";
(() => {
  const numbers = JSON.parse(document.getElementById("numbers").textContent);
  const PAGE_ROWS = 12;

  // --- Times and numbers. ---

  const moment = (offset) => numbers.clock.start + offset / numbers.clock.perMs;
  // As text: Plotly takes small numbers for years.
  const dated = (ms) => new Date(ms).toISOString().slice(0, -1);
  const moments = (offsets) => offsets.map((each) => (each === null ? null : dated(moment(each))));
  const decimals = (most, least = 0) =>
    new Intl.NumberFormat("en-US", { maximumFractionDigits: most, minimumFractionDigits: least });
  const money = decimals(2, 2);
  const fine = decimals(4, 4);
  const plain = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 10 });

  function timeText(offset) {
    return new Date(moment(offset)).toISOString().slice(0, 23).replace("T", " ").replace(/\.000$/, "");
  }

  function spanText(length) {
    const total = length / numbers.clock.perMs / 1000;
    if (total < 60) return `${total.toFixed(3)} s`;
    const seconds = Math.floor(total);
    const days = Math.floor(seconds / 86400);
    const part = (value) => String(value).padStart(2, "0");
    const clock = [Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60];
    return (days ? `${days} d ` : "") + clock.map(part).join(":");
  }

  function moneyText(value) {
    return (value !== 0 && Math.abs(value) < 1 ? fine : money).format(value);
  }

  const WRITERS = {
    text: (value, column) => column.names[value] ?? "",
    number: (value) => plain.format(value),
    price: (value, column) => priceFormat(column).format(value),
    money: moneyText,
    share: (value) => `${moneyText(value)} %`,
    time: timeText,
    span: spanText,
    flag: (value) => (value ? "open" : ""),
  };

  // As many decimals as the price of the column that needs most.
  function priceFormat(column) {
    if (!column.format) {
      const lengths = column.values.map((value) => (String(value ?? "").split(".")[1] ?? "").length);
      const most = Math.min(8, Math.max(0, ...lengths));
      column.format = decimals(most, most);
    }
    return column.format;
  }

  function written(column, row) {
    const value = column.values[row];
    return value === null ? "" : WRITERS[column.kind](value, column);
  }

  // --- Tables: sorted by their heads, filtered by words, turned over by pages. ---

  function element(name, parent, text, className) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    parent.append(made);
    return made;
  }

  function sortKey(column) {
    if (column.kind !== "text") return (row) => column.values[row];
    return (row) => column.names[column.values[row]];
  }

  function compared(one, other) {
    if (one === other) return 0;
    if (one === null || one === undefined) return 1;
    if (other === null || other === undefined) return -1;
    return one < other ? -1 : 1;
  }

  function setUpTable(place, columns) {
    const total = columns[0].values.length;
    if (total === 0) {
      element("p", place, "There are none.", "muted");
      return;
    }
    const state = { rows: [...Array(total).keys()], sorted: null, isDown: false, page: 0, words: "" };
    const isLong = total > PAGE_ROWS;
    const tools = element("div", place, undefined, "tools");
    let filter = null;
    if (total > 10) {
      filter = element("input", tools);
      filter.type = "search";
      filter.placeholder = "Filter by words or numbers";
      filter.setAttribute("aria-label", `Filter: ${place.getAttribute("aria-label")}`);
    }
    const back = isLong ? element("button", tools, "Back") : null;
    const next = isLong ? element("button", tools, "Next") : null;
    const told = element("span", tools, "", "muted");
    told.setAttribute("aria-live", "polite");
    const table = element("table", element("div", place, undefined, "scroll"));
    const head = element("tr", element("thead", table));
    const body = element("tbody", table);
    const heads = columns.map((column) => {
      const cell = element("th", head, undefined, column.kind === "text" ? "words" : "");
      cell.scope = "col";
      const button = element("button", cell, column.name);
      button.type = "button";
      button.addEventListener("click", () => sortBy(column));
      return cell;
    });

    function sortBy(column) {
      state.isDown = state.sorted === column ? !state.isDown : column.kind !== "text";
      state.sorted = column;
      choose();
    }

    function choose() {
      const words = state.words.toLowerCase().split(/\s+/).filter(Boolean);
      state.rows = [...Array(total).keys()].filter((row) => {
        if (!words.length) return true;
        const line = columns.map((column) => written(column, row)).join(" ").toLowerCase();
        return words.every((word) => line.includes(word));
      });
      if (state.sorted) {
        const key = sortKey(state.sorted);
        state.rows.sort((one, other) => {
          const [a, b] = [key(one), key(other)];
          if (a === null || b === null) return compared(a, b) || one - other;
          return (state.isDown ? compared(b, a) : compared(a, b)) || one - other;
        });
      }
      state.page = 0;
      show();
    }

    function show() {
      const pages = Math.max(1, Math.ceil(state.rows.length / PAGE_ROWS));
      const start = state.page * PAGE_ROWS;
      body.replaceChildren();
      for (const row of state.rows.slice(start, start + PAGE_ROWS)) {
        const line = element("tr", body);
        for (const column of columns) {
          const value = column.values[row];
          const isSigned = column.name.includes("P&L") && value !== null;
          const colour = isSigned && value > 0 ? "gain" : isSigned && value < 0 ? "loss" : "";
          element("td", line, written(column, row), column.kind === "text" ? "words" : colour);
        }
      }
      heads.forEach((cell, index) => {
        const isSorted = columns[index] === state.sorted;
        const direction = state.isDown ? "descending" : "ascending";
        cell.setAttribute("aria-sort", isSorted ? direction : "none");
        const arrow = isSorted ? (state.isDown ? " ↓" : " ↑") : "";
        cell.firstChild.textContent = columns[index].name + arrow;
      });
      const end = Math.min(start + PAGE_ROWS, state.rows.length);
      const some = state.rows.length ? `${start + 1}–${end} of ` : "";
      told.textContent = isLong || state.words ? `${some}${plain.format(state.rows.length)} rows` : "";
      if (back) back.disabled = state.page === 0;
      if (next) next.disabled = state.page >= pages - 1;
    }

    filter?.addEventListener("input", () => {
      state.words = filter.value;
      choose();
    });
    back?.addEventListener("click", () => ((state.page -= 1), show()));
    next?.addEventListener("click", () => ((state.page += 1), show()));
    show();
  }

  // --- Charts. ---

  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const isTouch = window.matchMedia("(pointer: coarse)").matches;
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const safe = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const isNarrow = () => window.innerWidth < 700;

  function layoutOf(more) {
    const axis = { gridcolor: colour("rule"), zeroline: false, linecolor: colour("rule"), automargin: true };
    const layout = {
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: colour("ink"), size: isNarrow() ? 11 : 12, family: "inherit" },
      margin: { l: isNarrow() ? 48 : 64, r: 12, t: isNarrow() && more.showlegend ? 56 : 36, b: 36 },
      showlegend: false,
      // A narrow screen has no room for a title and a legend in one line.
      legend: { orientation: "h", x: 1, xanchor: "right", y: isNarrow() ? 1.08 : 1.0, yanchor: "bottom" },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("muted"), activecolor: colour("equity") },
      hoverlabel: { bgcolor: colour("panel"), bordercolor: colour("rule"), font: { color: colour("ink") } },
      // A finger scrolls the page; it must not be caught by a chart.
      dragmode: isTouch ? false : "zoom",
      ...more,
    };
    for (const name of Object.keys(layout)) {
      if (/^[xy]axis/.test(name)) layout[name] = { ...axis, ...layout[name] };
    }
    layout.xaxis ??= { ...axis };
    layout.yaxis ??= { ...axis };
    return layout;
  }

  const title = (text, y, x = 0) => ({
    text, x, y, xref: "paper", yref: "paper", xanchor: "left", yanchor: "bottom", showarrow: false,
    font: { size: 13, color: colour("ink") },
  });

  // One line through both extremes of each slice, the one nearer to where the line is first.
  function zigzag(time, low, high) {
    const x = [];
    const y = [];
    time.forEach((at, row) => {
      const last = y.length ? y[y.length - 1] : low[row];
      const isUpper = Math.abs(high[row] - last) < Math.abs(low[row] - last);
      const ends = isUpper ? [high[row], low[row]] : [low[row], high[row]];
      for (const value of ends[0] === ends[1] ? [ends[0]] : ends) {
        x.push(at);
        y.push(value);
      }
    });
    return { x, y };
  }

  function fillTraces(fills) {
    return ["BUY", "SELL"].filter((side) => fills[side].time.length).map((side) => {
      const { time, low, high, count, qty } = fills[side];
      const [x, y, text] = [[], [], []];
      time.forEach((at, row) => {
        const many = count ? `${plain.format(count[row])} fills, ` : "";
        const told = `${side} ${many}${plain.format(qty[row])}`;
        for (const price of high && high[row] !== low[row] ? [low[row], high[row]] : [low[row]]) {
          x.push(dated(moment(at)));
          y.push(price);
          text.push(told);
        }
      });
      const isBuy = side === "BUY";
      return {
        type: "scatter", mode: "markers", x, y, text, name: isBuy ? "buys" : "sells",
        hovertemplate: "%{text} @ %{y}<extra></extra>",
        marker: {
          symbol: isBuy ? "triangle-up" : "triangle-down", color: colour(isBuy ? "buy" : "sell"),
          opacity: count ? 0.6 : 1, size: x.length > 1000 ? 5 : 8, line: { width: x.length > 1000 ? 0 : 0.5, color: colour("paper") },
        },
      };
    });
  }

  function timeline() {
    const seen = numbers.timeline;
    const x = moments(seen.time);
    const line = (y, axis, name, width = 1.2) => ({
      type: "scatter", mode: x.length > 1 ? "lines" : "markers", yaxis: axis, name: name, line: { color: colour("equity"), width }, ...y,
    });
    const price = seen.open
      ? {
          type: "candlestick", x, open: seen.open, high: seen.high, low: seen.low, close: seen.close,
          name: "price", increasing: { line: { color: colour("price"), width: 1 } },
          decreasing: { line: { color: colour("position"), width: 1 } },
        }
      : { ...line(zigzag(x, seen.low, seen.high), "y", "price"), line: { color: colour("price"), width: 1 } };
    const traces = [price, ...fillTraces(seen.fills)];
    traces.push({ ...line(zigzag(x, seen.equityLow, seen.equityHigh), "y2", "equity"), hovertemplate: "%{y:,.2f}" });
    if (seen.benchmark) {
      traces.push({
        ...line({ x: [...x.slice(1), x[x.length - 1]], y: seen.benchmark }, "y2", safe(seen.benchmarkTitle)), hovertemplate: "%{y:,.2f}",
        line: { color: colour("muted"), width: 1, dash: "dot" },
      });
    }
    traces.push({
      ...line({ x, y: seen.drawdown }, "y3", "drawdown"), hovertemplate: "%{y:.2f} %", fill: "tozeroy",
      fillcolor: colour("sell") + "55", line: { color: colour("sell"), width: 0.7 },
    });
    const held = zigzag(x, seen.positionLow, seen.positionHigh);
    traces.push({
      ...line(held, "y4", "position"), fill: "tozeroy", fillcolor: colour("position") + "55",
      line: { color: colour("position"), width: 0.8, shape: "hv" },
    });
    const shapes = seen.falls.peak.map((start, row) => ({
      type: "rect", xref: "x", yref: "y2 domain", x0: dated(moment(start)), x1: dated(moment(seen.falls.end[row])),
      y0: 0, y1: 1, fillcolor: colour("sell"), opacity: 0.09, line: { width: 0 }, layer: "below",
    }));
    const notes = [
      title(safe(seen.priceTitle), 1.0),
      title(`Equity${seen.isLog ? ", scale of ratios" : ""}; dotted: ${safe(seen.benchmarkTitle)}`, 0.515),
      title("Drawdown %, the deepest falls shaded above", 0.285),
      title(seen.positionTitle, 0.135),
    ];
    return {
      traces,
      layout: {
        xaxis: { type: "date", rangeslider: { visible: false }, anchor: "y4" },
        yaxis: { domain: [0.57, 0.995], tickformat: ",.10~g" },
        yaxis2: { domain: [0.32, 0.51], type: seen.isLog ? "log" : "linear", tickformat: ",.10~g" },
        yaxis3: { domain: [0.17, 0.28], rangemode: "tozero" },
        yaxis4: { domain: [0, 0.13], nticks: 5 },
        hovermode: "x unified",
        annotations: notes,
        shapes,
      },
      // What the eye sees decides the scale: of the visible part of each line.
      rescale: (first, last) => rescaled(seen, seen.time.map(moment), first, last),
    };
  }

  function rescaled(seen, x, first, last) {
    const rows = [];
    x.forEach((at, row) => {
      if (at >= first && at <= last) rows.push(row);
    });
    if (rows.length < 2) return null;
    const found = {};
    const fit = (axis, lows, highs, isLog = false) => {
      let low = Infinity;
      let high = -Infinity;
      for (const row of rows) {
        if (lows[row] !== null) low = Math.min(low, lows[row]);
        if (highs[row] !== null) high = Math.max(high, highs[row]);
      }
      const margin = 0.04 * (high - low) || Math.abs(high) * 0.01 || 1;
      const range = [low - margin, high + margin];
      if (isLog && range[0] <= 0) return;
      found[`${axis}.range`] = isLog ? range.map(Math.log10) : range;
    };
    fit("yaxis", seen.low, seen.high);
    const held = (row) => seen.benchmark?.[row] ?? null;
    const lower = seen.equityLow.map((each, row) => Math.min(each, held(row) ?? each));
    const upper = seen.equityHigh.map((each, row) => Math.max(each, held(row) ?? each));
    fit("yaxis2", lower, upper, seen.isLog);
    fit("yaxis3", seen.drawdown, seen.drawdown);
    fit("yaxis4", seen.positionLow, seen.positionHigh);
    return found;
  }

  function explained() {
    const { time, change, lengthMs, ...parts } = numbers.explained;
    const x = moments(time);
    const ends = time.map((at) => dated(moment(at) + lengthMs));
    const colours = { positions: "position", trading: "equity", fees: "sell", income: "gold", paid_in: "violet" };
    const named = { positions: "positions held", trading: "trading", fees: "fees", income: "income", paid_in: "paid in" };
    const traces = Object.entries(parts)
      .filter(([, values]) => values.some((value) => value !== 0))
      .map(([name, values]) => ({
        type: "bar", x, y: values, name: named[name], offset: 0, width: 0.9 * lengthMs, marker: { color: colour(colours[name]) },
        hovertemplate: "%{y:,.2f}",
      }));
    let sum = 0;
    const total = change.map((each) => (sum += each));
    traces.push({
      type: "scatter", mode: x.length > 60 ? "lines" : "lines+markers", x: ends, y: total, name: "sum so far",
      line: { color: colour("ink"), width: 1.3 }, marker: { size: 4 }, hovertemplate: "%{y:,.2f}",
    });
    const layout = { barmode: "relative", showlegend: true, hovermode: "x unified", xaxis: { type: "date" } };
    return { traces, layout };
  }

  function distribution() {
    const { counts, edges, interval } = numbers.distribution;
    const middle = counts.map((_, row) => (edges[row] + edges[row + 1]) / 2);
    const shades = middle.map((each) => colour(each >= 0 ? "buy" : "sell"));
    return {
      traces: [
        {
          type: "bar", x: middle, y: counts, width: edges[1] - edges[0], marker: { color: shades, opacity: 0.75 },
          hovertemplate: "%{y} returns near %{x:.3g} %<extra></extra>",
        },
      ],
      layout: {
        annotations: [title(`Returns of ${interval} in %`, 1.01)],
        shapes: [{ type: "line", x0: 0, x1: 0, yref: "paper", y0: 0, y1: 1, line: { color: colour("muted"), width: 1 } }],
      },
    };
  }

  function rolling() {
    const { time, sharpe, volatility, title: told } = numbers.rolling;
    const x = moments(time);
    const line = (y, name, shade, axis) => ({
      type: "scatter", mode: "lines", x, y, name, yaxis: axis, line: { color: colour(shade), width: 1.2 },
      hovertemplate: "%{y:,.2f}",
    });
    const percent = volatility.map((each) => (each === null ? null : 100 * each));
    return {
      traces: [line(sharpe, "Sharpe ratio", "equity", "y"), line(percent, "volatility a year, %", "gold", "y2")],
      layout: {
        showlegend: true, hovermode: "x unified", xaxis: { type: "date", anchor: "y2" },
        yaxis: { domain: [0.54, 1], zeroline: true, zerolinecolor: colour("muted") },
        yaxis2: { domain: [0, 0.46], rangemode: "tozero" },
        annotations: [title(told, 1.01)],
      },
    };
  }

  function exposure() {
    const { time, gross, net } = numbers.exposure;
    const x = moments(time);
    const line = (y, name, shade, fill) => ({
      type: "scatter", mode: "lines", x, y, name, fill, line: { color: colour(shade), width: 1 },
      fillcolor: colour(shade) + "33", hovertemplate: "%{y:.3f}",
    });
    return {
      traces: [line(gross, "gross", "position", "tozeroy"), line(net, "net", "equity", "none")],
      layout: {
        showlegend: true, hovermode: "x unified", xaxis: { type: "date" },
        annotations: [title("Value of positions / equity", 1.01)],
      },
    };
  }

  const dotSize = (counts) => counts.map((count) => 5 + Math.min(6, Math.log2(count || 1)));

  function dots(x, y, counts, gains, told) {
    return {
      type: "scatter", mode: "markers", x, y, customdata: counts, hovertemplate: told,
      marker: {
        size: dotSize(counts), opacity: 0.55, line: { width: 0 },
        color: gains.map((each) => colour(each >= 0 ? "buy" : "sell")),
      },
    };
  }

  const zero = (more) => ({ zeroline: true, zerolinecolor: colour("muted"), ...more });

  function trips() {
    const { seconds, pnl, counts } = numbers.trips;
    // A scale of ratios has no 0; what was closed at once stands at the left edge.
    const least = Math.min(...seconds.filter((each) => each > 0), 1);
    const x = seconds.map((each) => Math.max(each, least));
    const ticks = [0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 36000, 86400, 864000, 8640000];
    const names = ["1 ms", "10 ms", "0.1 s", "1 s", "10 s", "1 min", "10 min", "1 h", "10 h", "1 d", "10 d", "100 d"];
    return {
      traces: [dots(x, pnl, counts, pnl, "%{y:,.2f}, %{customdata} like it<extra></extra>")],
      layout: {
        hovermode: "closest", xaxis: { type: "log", tickvals: ticks, ticktext: names },
        yaxis: zero({}), annotations: [title("P&L by holding time", 1.01)],
      },
    };
  }

  function excursions() {
    const { mae, mfe, gain, farCounts } = numbers.trips;
    return {
      traces: [dots(mae, mfe, farCounts, gain, "worst %{x:,.2f}, best %{y:,.2f}, %{customdata} like it<extra></extra>")],
      layout: {
        hovermode: "closest", xaxis: zero({ title: { text: "worst on the way (MAE)" } }),
        yaxis: zero({ title: { text: "best on the way (MFE)" } }), annotations: [title("Excursions, money", 1.01)],
      },
    };
  }

  function comparedRuns() {
    const shades = ["equity", "gold", "violet", "buy", "sell", "position", "muted"];
    const traces = numbers.compared.flatMap((run, number) => {
      const x = moments(run.time);
      const look = {
        color: colour(shades[number % shades.length]), width: 1.3,
        dash: number < shades.length ? "solid" : "dot",
      };
      const shared = { type: "scatter", mode: "lines", name: safe(run.name), legendgroup: `${number}`, line: look };
      return [
        { ...shared, ...zigzag(x, run.low, run.high), hovertemplate: "%{y:,.2f}" },
        { ...shared, x, y: run.drawdown, yaxis: "y2", showlegend: false, hovertemplate: "%{y:,.2f} %" },
      ];
    });
    return {
      traces,
      layout: {
        showlegend: true, hovermode: "x unified", xaxis: { type: "date", anchor: "y2" },
        legend: { orientation: "h", x: 0, y: -0.06, xanchor: "left", yanchor: "top" },
        yaxis: { domain: [0.36, 1] }, yaxis2: { domain: [0, 0.3] },
        annotations: [title("Equity, from 100", 1.0), title("Drawdown %", 0.305)],
      },
    };
  }

  const CHARTS = {
    "chart-timeline": timeline, "chart-explained": explained, "chart-distribution": distribution,
    "chart-rolling": rolling, "chart-exposure": exposure, "chart-trips": trips,
    "chart-excursions": excursions, "chart-compared": comparedRuns,
  };

  function draw(name, make) {
    const place = document.getElementById(name);
    if (!place) return;
    const { traces, layout, rescale } = make();
    // Buttons where there is much to zoom into, for fingers too; elsewhere they hide the picture.
    const buttons = [["zoomIn2d", "zoomOut2d", "pan2d", "resetScale2d"]];
    const options = { responsive: true, displaylogo: false, displayModeBar: Boolean(rescale), modeBarButtons: buttons };
    Plotly.react(place, traces, layoutOf(layout), options);
    if (!rescale || place.dataset.isHeard) return;
    place.dataset.isHeard = "yes";
    place.on("plotly_relayout", (change) => {
      const first = change["xaxis.range[0]"];
      if (first === undefined) {
        if (change["xaxis.autorange"]) {
          const all = {};
          for (const axis of ["yaxis", "yaxis2", "yaxis3", "yaxis4"]) all[`${axis}.autorange`] = true;
          Plotly.relayout(place, all);
        }
        return;
      }
      const utc = (text) => (typeof text === "number" ? text : Date.parse(`${text.replace(" ", "T")}Z`));
      const fitted = rescale(utc(first), utc(change["xaxis.range[1]"]));
      if (fitted) Plotly.relayout(place, fitted);
    });
  }

  function drawAll() {
    for (const [name, make] of Object.entries(CHARTS)) draw(name, make);
  }

  for (const place of document.querySelectorAll("[data-table]")) {
    const columns = numbers.tables[place.dataset.table];
    if (columns) setUpTable(place, columns);
  }
  if (window.Plotly) {
    drawAll();
    dark.addEventListener("change", drawAll);
  } else {
    for (const place of document.querySelectorAll(".chart")) {
      place.classList.remove("tall");
      place.style.height = "auto";
      place.textContent = "The script of the charts is missing: it lies beside the report when that is made.";
    }
  }
})();
