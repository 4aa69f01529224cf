// Loaded first of all that is in app/client.  What is exported is SS.client.app, for the console and
// for other files.

declare const SS: any;

const $ = (id: string) => document.getElementById(id) as HTMLElement;
const number = () => Number((document.getElementById('number') as HTMLInputElement).value);

async function square(): Promise<void> {
    $('square').textContent = String(await SS.server.app.square(number()));
}

/** Called once, when the page is there and connected. */
export function init(): void {
    $('number').addEventListener('input', square);
    $('wave').addEventListener('click', () => SS.server.app.wave('Somebody'));
    square();
}

SS.events.on('wave', (name: string) => {
    const item = document.createElement('li');
    item.textContent = `${name} waved at ${new Date().toLocaleTimeString()}`;
    $('waves').prepend(item);
});

SS.socket.on('state', (state: string) => {
    $('state').textContent = $('state').dataset.state = state;
});
