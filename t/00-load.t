# The module's configuration: what it refuses and how it says so, and that it leaves a server
# alone that does not use it.
use lib 't/lib';
use SocketStream::TestNginx;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== TEST 1: loaded but not configured it changes nothing
--- config
location = /plain { return 200 "plain\n"; }
--- request
GET /plain
--- response_body
plain
--- no_error_log
socketstream



=== TEST 2: an Upgrade to a location without the module is not its business
--- config
location = /plain { return 200 "plain\n"; }
--- handshake
GET /plain HTTP/1.1
Connection: Upgrade, close
--- error_code: 200
--- response_body
plain



=== TEST 3: all directives at all levels where they may stand
--- http_config
upstream sidecars {
    server unix:$TEST_NGINX_SIDECARS/normal weight=2;
    server unix:$TEST_NGINX_SIDECARS/second;
    server unix:$TEST_NGINX_SIDECARS/third backup;
}
socketstream_max_message 64k;
socketstream_max_queue 256k;
socketstream_ping_interval 10s;
socketstream_origins same https://a.example http://b.example:8080;
--- config
socketstream_pong_timeout 5s;
socketstream_link_timeout 500ms;
socketstream_drain_time 0;
location = /socketstream {
    socketstream_pass sidecars;
    socketstream_max_inflight 5;
    socketstream_ping_interval 1s;
    socketstream_origins any;
}
location /api/ { socketstream_api sidecars; }
location /files/ { socketstream_assets html; }
location = /status { socketstream_status; }
--- request
GET /
--- response_body_like: It works



=== TEST 4: an upstream may be defined behind its use
--- http_config
server { listen unix:$TEST_NGINX_SIDECARS/http; location /ws { socketstream_pass later; } }
upstream later { server unix:$TEST_NGINX_SIDECARS/normal; }
--- config
--- request
GET /
--- response_body_like: It works



=== TEST 5: socketstream_pass twice
--- config
location /ws { socketstream_pass unix:/a; socketstream_pass unix:/b; }
--- request
GET /
--- must_die
--- error_log
"socketstream_pass" directive is duplicate



=== TEST 6: socketstream_api twice
--- config
location /api/ { socketstream_api unix:/a; socketstream_api unix:/b; }
--- request
GET /
--- must_die
--- error_log
"socketstream_api" directive is duplicate



=== TEST 7: socketstream_assets twice
--- config
location /x/ { socketstream_assets html; socketstream_assets html; }
--- request
GET /
--- must_die
--- error_log
"socketstream_assets" directive is duplicate



=== TEST 8: socketstream_status twice
--- config
location /x/ { socketstream_status; socketstream_status; }
--- request
GET /
--- must_die
--- error_log
"socketstream_status" directive is duplicate



=== TEST 9: a limit twice
--- config
socketstream_max_message 1m;
socketstream_max_message 2m;
--- request
GET /
--- must_die
--- error_log
"socketstream_max_message" directive is duplicate



=== TEST 10: origins twice
--- config
socketstream_origins any;
socketstream_origins same;
--- request
GET /
--- must_die
--- error_log
"socketstream_origins" directive is duplicate



=== TEST 11: two handlers in one location
--- config
location /x { socketstream_pass unix:/a; socketstream_status; }
--- request
GET /
--- must_die
--- error_log
"socketstream_status" in location "/x"



=== TEST 12: an upstream nobody defined
--- config
location /x { socketstream_pass nowhere; }
--- request
GET /
--- must_die
--- error_log
"nowhere"



=== TEST 13: an upstream whose server is no Unix socket
--- http_config
upstream tcp { server unix:/a; server 127.0.0.1:9; }
--- config
location /x { socketstream_pass tcp; }
--- request
GET /
--- must_die
--- error_log
server "127.0.0.1:9" of upstream "tcp" is not a Unix socket



=== TEST 14: an address in place of a socket
--- config
location /x { socketstream_pass 127.0.0.1:9000; }
--- request
GET /
--- must_die
--- error_log
127.0.0.1:9000



=== TEST 15: a URL in place of a socket
--- config
location /x { socketstream_api http://sidecars; }
--- request
GET /
--- must_die
--- error_log
"http://sidecars" is a URL



=== TEST 16: an upstream with all servers down
--- http_config
upstream none { server unix:/a down; }
--- config
location /x { socketstream_pass none; }
--- request
GET /
--- must_die
--- error_log
all servers of upstream "none" are "down"



=== TEST 17: without an argument
--- config
location /x { socketstream_pass; }
--- request
GET /
--- must_die
--- error_log
invalid number of arguments in "socketstream_pass" directive



=== TEST 18: status takes no argument
--- config
location /x { socketstream_status on; }
--- request
GET /
--- must_die
--- error_log
invalid number of arguments in "socketstream_status" directive



=== TEST 19: outside a location
--- config
socketstream_pass unix:/a;
--- request
GET /
--- must_die
--- error_log
"socketstream_pass" directive is not allowed here



=== TEST 20: a size that is none
--- config
socketstream_max_queue lots;
--- request
GET /
--- must_die
--- error_log
"socketstream_max_queue" directive invalid value



=== TEST 21: a time that is none
--- config
socketstream_ping_interval soon;
--- request
GET /
--- must_die
--- error_log
"socketstream_ping_interval" directive invalid value



=== TEST 22: no message at all
--- config
socketstream_max_message 0;
location /x { socketstream_pass unix:/a; }
--- request
GET /
--- must_die
--- error_log
"socketstream_max_message" must be from 1 byte to 64M



=== TEST 23: a message longer than the link carries
--- config
socketstream_max_message 65m;
location /x { socketstream_pass unix:/a; }
--- request
GET /
--- must_die
--- error_log
"socketstream_max_message" must be from 1 byte to 64M



=== TEST 24: the longest message that the link carries
--- config
socketstream_max_message 64m;
location /x { socketstream_pass unix:/a; }
--- request
GET /
--- response_body_like: It works



=== TEST 25: no calls in flight at all
--- config
socketstream_max_inflight 0;
--- request
GET /
--- must_die
--- error_log
value must be



=== TEST 26: more calls in flight than can be counted
--- config
socketstream_max_inflight 65536;
--- request
GET /
--- must_die
--- error_log
value must be



=== TEST 27: no time for the link
--- config
socketstream_link_timeout 0;
--- request
GET /
--- must_die
--- error_log
must not be 0



=== TEST 28: an origin with a path
--- config
socketstream_origins https://a.example/;
--- request
GET /
--- must_die
--- error_log
invalid origin "https://a.example/"



=== TEST 29: an origin without a scheme
--- config
socketstream_origins a.example;
--- request
GET /
--- must_die
--- error_log
invalid origin "a.example"



=== TEST 30: a rate without a unit
--- config
location /x/ { socketstream_rate 15; }
--- must_die
--- error_log
invalid value "15": it must be "off" or like "15r/s burst=30 address=60r/s"



=== TEST 31: a burst of nothing
--- config
location /x/ { socketstream_rate 15r/s burst=0; }
--- must_die
--- error_log
invalid value "burst=0"



=== TEST 32: what a rate does not have
--- config
location /x/ { socketstream_rate 15r/s user=3r/s; }
--- must_die
--- error_log
invalid value "user=3r/s"



=== TEST 33: socketstream_rate twice
--- config
location /x/ { socketstream_rate 15r/s; socketstream_rate off; }
--- must_die
--- error_log
"socketstream_rate" directive is duplicate
