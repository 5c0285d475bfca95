using System.Net;
using System.Net.Sockets;
using NanoRecSys.Core.Artifacts;

namespace NanoRecSys.AppHost;

/// <summary>Hands out TCP ports that are free on the loopback addresses, each only once.</summary>
/// <remarks>
/// Aspire's proxy gives no error on a port that another program uses, and costs up to a third of the throughput, so endpoints are
/// not proxied and the ports are chosen here. Hosts that start at the same time get different ports. Another program can still take
/// a port before it is used; that service then fails to start and is restarted.
/// </remarks>
internal sealed class Ports : IDisposable
{
    private const int Attempts = 200;

    // One lock file per port that this host handed out, held until the host ends.
    private static readonly string LockFolder = Path.Combine(Path.GetTempPath(), $"nanorecsys-ports-{Environment.UserName}");

    private readonly List<IDisposable> _locks = [];

    /// <returns>The preferred port, or the next free one above it; for 0, any free one.</returns>
    /// <exception cref="HostException">No port is free.</exception>
    public int Next(int preferred)
    {
        int last = preferred == 0 ? Attempts : Math.Min(preferred + Attempts, ushort.MaxValue);
        for (int port = preferred; port <= last; port++)
        {
            if (Probe(preferred == 0 ? 0 : port) is { } free && FolderLock.TryTake(LockFolder, $"{free}") is { } taken)
            {
                _locks.Add(taken);
                return free;
            }
        }

        throw new HostException($"No free port from {preferred} to {last}. Choose another with --web-port, --api-port or --cache-port.");
    }

    public void Dispose() => _locks.ForEach(taken => taken.Dispose());

    // "localhost" is both loopback addresses: a server on either one occupies the port.
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
            return free; // IPv6 is compiled in, but has no loopback address here.
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

/// <summary>An error that the user can fix; it is printed as one line and the host exits with 1.</summary>
internal sealed class HostException(string message) : Exception(message);
