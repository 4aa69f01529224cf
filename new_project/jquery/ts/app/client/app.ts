// Loaded first of all that is in app/client.  What is exported is SS.client.app, for the console and
// for other files.

import $ from 'jquery'; // npm install --save-dev @types/jquery: for tsc and editors

declare const SS: any;

async function square(): Promise<void> {
    $('#square').text(String(await SS.server.app.square(Number($('#number').val()))));
}

/** Called once, when the page is there and connected. */
export function init(): void {
    $('#number').on('input', square);
    $('#wave').on('click', () => SS.server.app.wave('Somebody'));
    square();
}

/** Of app/views/events/wave.html. */
SS.events.on('wave', (name: string) => {
    $('#waves').prepend(SS.tmpl('events-wave', { name, time: new Date().toLocaleTimeString() }));
});

SS.socket.on('state', (state: string) => {
    $('#state').text(state).attr('data-state', state);
});
