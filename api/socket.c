/* socket.c: who is there, and whether he takes what he is sent. */
#include "api/socket.h"

#include <arpa/inet.h>
#include <linux/tcp.h> /* struct tcp_info, with tcpi_bytes_acked */
#include <stdio.h>
#include <sys/socket.h>

size_t socket_peer(const union network_address *address, char out[PEER_BYTES])
{
    char host[INET6_ADDRSTRLEN] = "?";
    bool six = address->any.sa_family == AF_INET6;
    if (six)
        inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof(host));
    else
        inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof(host));
    int len = snprintf(out, PEER_BYTES, six ? "[%s]:%u" : "%s:%u", host,
                       (unsigned)ntohs(six ? address->v6.sin6_port : address->v4.sin_port));
    return (size_t)len < PEER_BYTES ? (size_t)len : PEER_BYTES - 1;
}

uint64_t socket_acknowledged(int fd)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return 0;
    return info.tcpi_bytes_acked;
}
