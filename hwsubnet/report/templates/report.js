"use strict";
// Draws the figures that the page carries as JSON. Marks the document with what became of it:
// data-plots counts the drawn plots, data-error holds the first error.
(() => {
  const root = document.documentElement;
  const fail = (reason) => {
    root.dataset.error ??= String(reason);
    document.getElementById("broken").hidden = false;
  };
  addEventListener("error", (event) => fail(event.message));
  addEventListener("unhandledrejection", (event) => fail(event.reason));

  const figures = JSON.parse(document.getElementById("figures").textContent);
  const drawn = Object.entries(figures).map(([id, figure]) =>
    Plotly.newPlot(id, figure.data, figure.layout, {
      displaylogo: false,
      modeBarButtons: [["toImage"]],
      toImageButtonOptions: { format: "svg", filename: id },
    }),
  );

  // A plot follows its own box: the window, a turned phone, the width of paper.
  const fit = (plot) => Plotly.relayout(plot, { width: plot.clientWidth });
  const boxes = new ResizeObserver((changes) => changes.forEach(({ target }) => fit(target)));
  Promise.all(drawn).then((plots) => {
    root.dataset.plots = plots.length;
    plots.forEach((plot) => boxes.observe(plot));
    matchMedia("print").addEventListener("change", () => plots.forEach(fit));
  }, fail);

  // The folding of every node must not be missing on paper.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll(".folds details:not([open])")];
    opened.forEach((details) => { details.open = true; });
  });
  addEventListener("afterprint", () => opened.forEach((details) => { details.open = false; }));
})();
