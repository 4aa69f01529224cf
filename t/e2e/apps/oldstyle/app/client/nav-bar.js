window.navbar = {loaded: true};
var count = 0;

$('body').addClass('jquery-at-load');

function helper() {
    return 'Navigation ' + SS.client.app.name;
}

exports.title = function () {
    count++;
    return helper();
};
