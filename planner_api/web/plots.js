// Plotly, fetched when the first chart is drawn, and its looks taken from the page's colours.

const SCRIPT = "/web/plotly.min.js";
const CONFIG = { displayModeBar: false, responsive: true, doubleClick: false };

/** Room for the number of one tick, px. */
const TICK_WIDTH = 70;

/** @type {Promise<any> | null} */
let loading = null;

function plotly() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = SCRIPT;
    script.onload = () => resolve(/** @type {any} */ (window).Plotly);
    script.onerror = () => {
      loading = null;
      reject(new Error(`${SCRIPT} could not be loaded: the charts are left out`));
    };
    document.head.append(script);
  });
  return loading;
}

/**
 * Draw or redraw a chart.
 * @param {HTMLElement} box @param {object[]} traces
 * @param {{x: string, y: string, label: string, shapes?: object[], annotations?: object[],
 *   legend?: boolean, margin?: object, xRange?: number[] | null, zeroed?: boolean}} options
 */
export async function plot(box, traces, options) {
  const { react } = await plotly();
  await react(box, traces, layoutOf(box.clientWidth, options), CONFIG);
  box.setAttribute("role", "img");
  box.setAttribute("aria-label", options.label);
}

/** A colour of the page by the name of its property. */
export function colour(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return srgb(color);
}

/** Plotly knows no oklch(): let a canvas say what it is in sRGB. */
function srgb(color) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = color;
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
  return `rgb(${red}, ${green}, ${blue})`;
}

/** The same, see-through. */
export function faint(rgb, opacity) {
  return rgb.replace("rgb(", "rgba(").replace(")", `, ${opacity})`);
}

function layoutOf(
  width, { x, y, shapes = [], annotations = [], legend = false, margin = {}, xRange = null, zeroed = false },
) {
  const soft = colour("soft");
  const axis = (title) => ({
    title: { text: title, font: { size: 12 }, standoff: 6 }, gridcolor: colour("line"),
    linecolor: colour("line"), zeroline: false, fixedrange: true, tickfont: { size: 11 },
  });
  return {
    margin: { l: 58, r: 14, t: legend ? 34 : 20, b: 44, ...margin },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: soft },
    xaxis: {
      ...axis(x), tickangle: 0, nticks: Math.max(3, Math.floor(width / TICK_WIDTH)),
      ...(xRange ? { range: xRange } : {}),
    },
    yaxis: { ...axis(y), nticks: 6, rangemode: zeroed ? "tozero" : "normal" },
    shapes,
    annotations,
    showlegend: legend,
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 11 } },
    hoverlabel: { bgcolor: colour("card"), bordercolor: colour("line"), font: { color: colour("ink") } },
    bargap: 0.06,
  };
}

/** A vertical dashed line with words at its top. */
export function deadlineMark(at, text) {
  const color = colour("deadline");
  return {
    shapes: [{
      type: "line", x0: at, x1: at, y0: 0, y1: 1, yref: "paper", line: { color, width: 1.5, dash: "dash" },
    }],
    annotations: [{
      x: at, y: 1, yref: "paper", yanchor: "bottom", text, showarrow: false, font: { color, size: 11 },
    }],
  };
}
