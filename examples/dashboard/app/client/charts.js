// SPDX-License-Identifier: MIT
//
// Charts over time, drawn by uPlot: as wide as their place, in the colours of the style sheet, with
// one cursor for all of them that the keyboard moves, too.

import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

const HEIGHT = 190;

/** A colour of the style sheet; canvases know neither variables nor light-dark(). */
function colour(name, alpha = 1) {
    const probe = document.createElement('i');
    probe.style.color = `color-mix(in srgb, var(${name}) ${100 * alpha}%, transparent)`;
    document.body.append(probe);
    const value = getComputedStyle(probe).color;
    probe.remove();
    return value;
}

function optionsOf(names, digits) {
    const axis = (more) => ({
        stroke: () => colour('--quiet'),
        grid: { stroke: () => colour('--line'), width: 1 },
        ticks: { show: false },
        font: '12px system-ui',
        ...more,
    });
    return {
        width: 300,
        height: HEIGHT,
        cursor: { sync: { key: 'time' }, drag: { setScale: false }, y: false },
        legend: { markers: { width: 2, stroke: (chart, i) => `var(--c${i})`, fill: () => 'none' } },
        scales: { y: { range: (chart, min, max) => [0, Math.max(1, max * 1.1)] } },
        axes: [axis({ space: 70 }), axis({ size: 48 })],
        series: [
            { label: 'time', value: '{HH}:{mm}:{ss}' },
            ...names.map((label, i) => ({
                label,
                width: 2,
                stroke: () => colour(`--c${i + 1}`),
                fill: names.length === 1 ? () => colour(`--c${i + 1}`, 0.12) : undefined,
                points: { show: false },
                value: (chart, value) => (value === null || value === undefined ? '–' : value.toFixed(digits)),
            })),
        ],
    };
}

/** The arrow keys go from sample to sample, Escape to the last. */
function addKeys(place, chart) {
    place.addEventListener('keydown', (event) => {
        const times = chart.data[0];
        const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
        if (step && times.length) {
            const at = Math.min(times.length - 1, Math.max(0, (chart.cursor.idx ?? times.length) + step));
            chart.setCursor({ left: chart.valToPos(times[at], 'x'), top: HEIGHT / 4 }, true, true);
            event.preventDefault();
        } else if (event.key === 'Escape') {
            chart.setCursor({ left: -10, top: -10 }, true, true);
        }
    });
}

/**
 * A chart at the end of `parent`.
 * @param {HTMLElement} parent @param {string} title @param {string[]} names of its lines
 * @param {string} [suffix] behind these in a row's names
 * @param {number} [digits] behind the point, in its legend
 */
export function createChart(parent, title, names, suffix = '', digits = 0) {
    const place = document.createElement('figure');
    const heading = document.createElement('h2');
    heading.textContent = title;
    place.tabIndex = 0;
    place.ariaLabel = title;
    place.append(heading);
    parent.append(place);

    const columns = ['at', ...names.map((name) => name + suffix)];
    const chart = new uPlot(optionsOf(names, digits), columns.map(() => []), place);
    new ResizeObserver(() => {
        const { paddingLeft, paddingRight } = getComputedStyle(place);
        const width = place.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
        if (width !== chart.width) {
            chart.setSize({ width, height: HEIGHT });
        }
    }).observe(place);
    addKeys(place, chart);

    return {
        /** @param {Record<string, number>[]} rows */
        draw(rows) {
            chart.setData(columns.map((name) => rows.map((row) => row[name])));
            if (chart.cursor.left < 0 && rows.length) {
                chart.setLegend({ idx: rows.length - 1 });
            }
        },
        recolour: () => chart.redraw(false),
    };
}
