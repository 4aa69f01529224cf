// Loaded first of all that is in app/client.  What is exported is SS.client.app, for the console and
// for other files.

import $ from 'jquery';

SS.tmpl.attach($); // $('#events-wave') is app/views/events/wave.html

function square() {
    SS.server.app.square(Number($('#number').val()), (result) => $('#square').text(result));
}

/** Called once, when the page is there and connected. */
export function init() {
    $('#number').on('input', square);
    $('#wave').on('click', () => SS.server.app.wave('Somebody'));
    square();
}

SS.events.on('wave', (name) => {
    $('#events-wave').tmpl({ name, time: new Date().toLocaleTimeString() }).prependTo('#waves');
});

SS.socket.on('state', (state) => {
    $('#state').text(state).attr('data-state', state);
});
