// Loaded first of all that is in app/client.  What is exported is SS.client.app, for the console and
// for other files.

const $ = (id) => document.getElementById(id);

async function square() {
    const number = Number($('number').value);
    $('square').textContent = await SS.server.app.square(number);
}

/** Called once, when the page is there and connected. */
export function init() {
    $('number').addEventListener('input', square);
    $('wave').addEventListener('click', () => SS.server.app.wave('Somebody'));
    square();
}

SS.events.on('wave', (name) => {
    const item = document.createElement('li');
    item.textContent = `${name} waved at ${new Date().toLocaleTimeString()}`;
    $('waves').prepend(item);
});

SS.socket.on('state', (state) => {
    $('state').textContent = $('state').dataset.state = state;
});
