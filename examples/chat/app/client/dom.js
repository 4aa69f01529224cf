// SPDX-License-Identifier: MIT
//
// Elements.  What others wrote becomes text nodes here, never markup.

export const $ = (id) => document.getElementById(id);

/** An element with properties and children; strings become text. */
export function element(tag, properties, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
}

/** A person's initial in a colour of the name's own. */
export function avatar(name) {
    const hue = [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7);
    const made = element('i', { className: 'avatar' }, [...name][0] ?? '?');
    made.ariaHidden = 'true';
    made.style.setProperty('--hue', hue);
    return made;
}

/** Makes the items of a list those of `keys`; the ones that stay are left alone, focus and all. */
export function syncList(list, keys, make) {
    const items = new Map([...list.children].map((item) => [item.dataset.key, item]));
    for (const [key, item] of items) {
        if (!keys.includes(key)) {
            item.remove();
        }
    }
    let next = list.firstElementChild;
    for (const key of keys) {
        const item = items.get(key) ?? make(key);
        item.dataset.key = key;
        if (item === next) {
            next = next.nextElementSibling;
        } else {
            list.insertBefore(item, next);
        }
    }
}
