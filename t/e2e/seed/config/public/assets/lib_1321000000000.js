// packed by SocketStream 0.1.4
