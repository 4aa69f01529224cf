/* SPDX-License-Identifier: MIT
 *
 * Every bound of the sidecar that is not a matter of configuration.
 */
#ifndef SS_BOUNDS_H
#define SS_BOUNDS_H

#define SS_PEERS_MAX 512                 /* links at a time */
#define SS_CLIENTS_MAX (1u << 20)        /* slots of one link */
#define SS_CALLS_MAX 65536               /* calls in flight, all links together */
#define SS_HELPERS_MAX 65536             /* ss_after() and ss_work() waiting, each */
#define SS_INPUT_BYTES (256u << 10)      /* read buffer of a link */
#define SS_OUTPUT_FLUSH (256u << 10)     /* output that does not wait for the end of the turn */
#define SS_OUTPUT_SOFT (1u << 20)        /* unread output at which we stop reading from a link */
#define SS_OUTPUT_HARD (64u << 20)       /* unread output at which the link is lost */
#define SS_OUTPUT_KEEP (512u << 10)      /* larger buffers are given back once empty */
#define SS_ANSWER_MAX (16u << 20)        /* bytes of one answer */
#define SS_MESSAGE_MAX (16u << 20)       /* bytes of one message taken, by default */
#define SS_PARTIAL_BYTES_MAX (64u << 20) /* chunks of unfinished messages, each link */
#define SS_ADDRESS_MAX 63                /* bytes of a client's address that are kept */
#define SS_LOG_PAYLOAD_MAX 200           /* bytes of params or a result shown in the log */
#define SS_ACTION_TIMEOUT_MS 30000       /* by default */
#define SS_API_PAIRS_MAX 1000            /* name=value pairs in a query */
#define SS_API_CREDENTIALS_MAX 1024      /* base64 of a name and a password */
#define SS_API_AUTHS_MAX 1024            /* requests waiting for the authentication module */
#define SS_API_HELD_MAX (64u << 20)      /* bytes of these, all together */
#define SS_APP_DEPTH_MAX 32              /* folders below app/server */
#define SS_USER_ID_MAX 256               /* bytes of a user's id */
#define SS_CHANNEL_NAME_MAX 256          /* bytes of a channel's name */
#define SS_EVENT_NAME_MAX 256            /* bytes of an event's name */
#define SS_PUBLISH_MAX (1u << 20)        /* bytes of a message in Redis, names included */
#define SS_PUBLISH_CHANNELS_MAX 128      /* channels or sockets named in one message */
#define SS_ATTRIBUTES_MAX (1u << 20)     /* bytes of a session's attributes as JSON */
#define SS_SESSION_CHANGES_MAX 1024      /* changes of one session waiting for Redis */
#define SS_SESSION_TRIES_MAX 100         /* of one change, while other nodes change it too */
#define SS_HELD_BYTES_MAX (64u << 20)    /* messages waiting for their sessions, all links */
#define SS_REBIND_MS 5000                /* a client without a link counts as gone after that */
#define SS_TICKET_MS 60000               /* a ticket is good for that long */
#define SS_OLD_ID_MS 30000               /* and the id from before a login for that long */
#define SS_ENDED_MAX 100000              /* sessions that ended in one day and are remembered */
#define SS_ENDED_S 2592000               /* for so many seconds after the day's last: 30 days */
#define SS_LOADS_MAX 256                 /* sessions loaded at a time after Redis was away */
#define SS_RELAYS_MAX 4096               /* POSTs for streams elsewhere under way */
#define SS_RELAY_MS 2000                 /* one of these waits so long for its answer */
#define SS_REDIS_WAIT_MS 1000            /* for Redis, before the sidecar listens */
#define SS_HOSTS_MAX 128                 /* processes of action hosts, by all commands together */
#define SS_HOST_ARGS_MAX 32              /* words of a command */
#define SS_HOST_ACTIONS_MAX 4096         /* actions of one host */
#define SS_HOST_PROBLEMS_MAX 100         /* problems that one host tells of */
#define SS_HOST_AHEAD_MAX 1024           /* calls waiting for one host that is being started */
#define SS_HOST_CALL_MAX (32u << 20)     /* bytes of a call; a body of HTTP is in it twice */
#define SS_HOST_QUEUE_MAX (32u << 20)    /* bytes waiting for one host; more calls are -32003 */
#define SS_HOST_LINE_MAX 2000            /* bytes of a line of a host's in the log; it is split */
#define SS_HOST_LAST_WORDS_MAX 512       /* of them, that are kept to say why it ended */
#define SS_HOST_REST_MAX (256u << 10)    /* bytes read of what an ended one has written */
#define SS_HOST_START_MS 60000           /* silence of a host that loads its code, at least */
#define SS_HOST_BUSY_MS 100              /* pings of a host that has calls, looks at its memory */
#define SS_HOST_FORGET_MS 1000           /* one that served so long is replaced without a pause */
#define SS_HOST_HEADROOM_MIB 64          /* over host.memory_limit, for what is no heap */
#define SS_HOST_LEAVE_MS 2000            /* for hosts to leave once the last worker has */
#define SS_HTTP_BACKLOG 4096             /* connections waiting while hosts are replaced */
#define SS_PROGRAM_VERSION_MS 10000      /* until Node or nginx has said which version it is */
#define SS_WATCH_MS 50                   /* quiet after a change of files, before it counts */
#define SS_WATCH_LIMIT_MS 1000    /* changes without a pause count after that at the latest */
#define SS_WATCH_FOLDERS_MAX 4096 /* folders that are watched */
#define SS_PROGRAM_OUTPUT_MAX (64u << 10) /* read of what a program that we ran says */
#define SS_DOCTOR_WAIT_MS 5000  /* for a program, or for an answer over HTTP, that doctor asks */
#define SS_DOCTOR_REDIS_PINGS 5 /* of which the quickest counts */
#define SS_CERT_CHAIN_MAX 10    /* certificates in the files of one */
#define SS_CERT_NAMES_MAX 100   /* names in a request for one; Let's Encrypt takes as many */
#define SS_CERT_SELF_DAYS 825   /* a self-signed one lasts: the most that Apple's systems take */
#define SS_CERT_DUE_DAYS 30     /* renewal is due so long before its end */

#endif
