// SPDX-License-Identifier: MIT
//
// The picture: the whole track where there is room for it, else what is around one's own car.

import { direction, HALF_ROAD, HEIGHT, middle, WIDTH, type Point, type Racer } from '../shared/track.ts';

const SCALE_MIN = 0.5; // a car is not to be smaller
const LENGTH = 44;
const BREADTH = 24;

const canvas = document.getElementById('canvas') as HTMLCanvasElement;
const context = canvas.getContext('2d') as CanvasRenderingContext2D;

const road = new Path2D();
middle.forEach(({ x, y }, i) => (i ? road.lineTo(x, y) : road.moveTo(x, y)));
road.closePath();

/** As many dots as the screen has. */
export function resize(): void {
    const dots = devicePixelRatio;
    canvas.width = Math.round(canvas.clientWidth * dots);
    canvas.height = Math.round(canvas.clientHeight * dots);
}

/** Where the picture's middle is, along one side. */
function centre(wanted: number, size: number, room: number): number {
    return room >= size ? size / 2 : Math.min(size - room / 2, Math.max(room / 2, wanted));
}

function look(me: Point | null): void {
    const dots = devicePixelRatio;
    const [width, height] = [canvas.width / dots, canvas.height / dots];
    const scale = Math.max(SCALE_MIN, Math.min(width / WIDTH, height / HEIGHT));
    const at = me ?? middle[0];
    context.setTransform(dots * scale, 0, 0, dots * scale, canvas.width / 2, canvas.height / 2);
    context.translate(-centre(at.x, WIDTH, width / scale), -centre(at.y, HEIGHT, height / scale));
}

function stroke(style: string, width: number, dash: number[] = []): void {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.setLineDash(dash);
    context.stroke(road);
}

function drawRoad(colours: CSSStyleDeclaration): void {
    const colour = (name: string) => colours.getPropertyValue(`--${name}`);
    context.lineJoin = 'round';
    stroke(colour('kerb'), 2 * HALF_ROAD + 14);
    stroke(colour('kerb-2'), 2 * HALF_ROAD + 14, [40, 40]);
    stroke(colour('road'), 2 * HALF_ROAD);
    stroke(colour('mark'), 3, [26, 34]);
    drawLine(middle[0], direction(0));
}

/** Start and finish: two rows of squares across the road. */
function drawLine({ x, y }: Point, angle: number): void {
    const size = HALF_ROAD / 5;
    context.save();
    context.translate(x, y);
    context.rotate(angle);
    for (let i = 0; i < 20; i++) {
        context.fillStyle = (i + Math.floor(i / 10)) % 2 ? '#fff' : '#222';
        context.fillRect(Math.floor(i / 10) * size, ((i % 10) - 5) * size, size, size);
    }
    context.restore();
}

function box(x: number, y: number, width: number, height: number, radius: number, style: string): void {
    context.fillStyle = style;
    context.beginPath();
    context.roundRect(x, y, width, height, radius);
    context.fill();
}

function drawCar({ x, y, angle, hue, name }: Racer, ink: string, mine: boolean): void {
    context.save();
    context.translate(x, y);
    context.save();
    context.rotate(angle);
    for (const [wheelX, wheelY] of [[-16, -15], [-16, 9], [8, -15], [8, 9]]) {
        box(wheelX, wheelY, 11, 6, 2, '#111');
    }
    box(-LENGTH / 2, -BREADTH / 2, LENGTH, BREADTH, 8, `oklch(65% 0.19 ${hue})`);
    box(-6, -8, 14, 16, 5, '#0009');
    box(LENGTH / 2 - 6, -9, 4, 5, 2, '#fff8');
    box(LENGTH / 2 - 6, 4, 4, 5, 2, '#fff8');
    context.restore();
    context.font = `${mine ? 700 : 500} 20px system-ui, sans-serif`;
    context.textAlign = 'center';
    context.fillStyle = ink;
    context.fillText(name, 0, -30);
    context.restore();
}

export function draw(cars: Racer[], me: Racer | null): void {
    const colours = getComputedStyle(canvas);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = colours.getPropertyValue('--grass');
    context.fillRect(0, 0, canvas.width, canvas.height);
    look(me);
    drawRoad(colours);
    const ink = colours.getPropertyValue('--ink-on-road');
    cars.forEach((car) => drawCar(car, ink, false));
    if (me) {
        drawCar(me, ink, true);
    }
}
