using System.Net;
using System.Net.Sockets;

namespace NanoRecSys.AppHost.Embedded;

/// <summary>Hands out ports that are free on this machine's loopback, each once.</summary>
/// <remarks>
/// A port can be taken by another program between the look and its use. That service then fails to start and
/// is reported; holding the socket until then is no way out, since another process is to bind it.
/// </remarks>
internal sealed class Ports
{
    private const int Attempts = 200;

    private readonly HashSet<int> _taken = [];

    /// <returns>The preferred port, or the next free one above it; any free one for 0.</returns>
    /// <exception cref="HostException">All of the next 200 are taken.</exception>
    public int Next(int preferred)
    {
        int last = preferred == 0 ? 0 : Math.Min(preferred + Attempts, ushort.MaxValue);
        for (int port = preferred; port <= last; port++)
        {
            if (Probe(port) is { } free && _taken.Add(free))
            {
                return free;
            }
        }

        throw new HostException($"No free port from {preferred} to {last}. Choose another with --web-port, --api-port or --cache-port.");
    }

    // "localhost" is both loopback addresses: a server on either one is in the way.
    private static int? Probe(int port)
    {
        int free = 0;
        try
        {
            free = Bind(IPAddress.Loopback, port);
            return Socket.OSSupportsIPv6 ? Bind(IPAddress.IPv6Loopback, free) : free;
        }
        catch (SocketException e) when (free != 0 && e.SocketErrorCode == SocketError.AddressNotAvailable)
        {
            return free; // IPv6 is compiled in, but has no loopback here.
        }
        catch (SocketException)
        {
            return null;
        }
    }

    private static int Bind(IPAddress address, int port)
    {
        using TcpListener listener = new(address, port);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
