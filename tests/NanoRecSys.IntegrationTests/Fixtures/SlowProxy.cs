using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace NanoRecSys.IntegrationTests.Fixtures;

/// <summary>A proxy in front of a Redis-compatible server that adds <see cref="Delay"/> to every round trip.</summary>
internal sealed class SlowProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly IPEndPoint _server;
    private readonly Task _accepting;
    private long _delayTicks;
    private long _noticeLagTicks;
    private long _lateMessages;

    public SlowProxy(string server)
    {
        _server = IPEndPoint.Parse(server);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public TimeSpan Delay
    {
        get => new(Interlocked.Read(ref _delayTicks));
        set => Interlocked.Exchange(ref _delayTicks, value.Ticks);
    }

    /// <summary>Delay of subscription messages; commands are not affected.</summary>
    public TimeSpan NoticeLag
    {
        get => new(Interlocked.Read(ref _noticeLagTicks));
        set => Interlocked.Exchange(ref _noticeLagTicks, value.Ticks);
    }

    public long LateMessages => Interlocked.Read(ref _lateMessages); // number of chunks delayed by NoticeLag

    public string ConnectionString => $"127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                TcpClient client = await _listener.AcceptTcpClientAsync(_stop.Token);
                _ = ServeAsync(client);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException or SocketException)
        {
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        using (var server = new TcpClient())
        {
            try
            {
                await server.ConnectAsync(_server, _stop.Token);
                var subscribed = new StrongBox<bool>();
                await Task.WhenAny(RequestsAsync(client.GetStream(), server.GetStream(), subscribed), AnswersAsync(server.GetStream(), client.GetStream(), subscribed));
            }
            catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
            {
            }
        }
    }

    private async Task RequestsAsync(NetworkStream client, NetworkStream server, StrongBox<bool> subscribed)
    {
        byte[] buffer = new byte[1 << 16];
        int read;
        while ((read = await client.ReadAsync(buffer, _stop.Token)) > 0)
        {
            subscribed.Value |= buffer.AsSpan(0, read).IndexOf("SUBSCRIBE"u8) >= 0;
            await Task.Delay(Delay / 2, _stop.Token); // half each way
            await server.WriteAsync(buffer.AsMemory(0, read), _stop.Token);
        }
    }

    private async Task AnswersAsync(NetworkStream server, NetworkStream client, StrongBox<bool> subscribed)
    {
        var late = Channel.CreateUnbounded<(DateTime Due, byte[] Bytes)>();
        Task delivering = DeliverAsync(late.Reader, client);
        byte[] buffer = new byte[1 << 16];
        int read;
        while ((read = await server.ReadAsync(buffer, _stop.Token)) > 0)
        {
            await Task.Delay(Delay / 2, _stop.Token);
            TimeSpan lag = subscribed.Value ? NoticeLag : TimeSpan.Zero;
            await late.Writer.WriteAsync((DateTime.UtcNow + lag, buffer[..read]), _stop.Token);
        }

        late.Writer.Complete();
        await delivering;
    }

    private async Task DeliverAsync(ChannelReader<(DateTime Due, byte[] Bytes)> late, NetworkStream client)
    {
        await foreach ((DateTime due, byte[] bytes) in late.ReadAllAsync(_stop.Token))
        {
            TimeSpan wait = due - DateTime.UtcNow;
            if (wait > TimeSpan.Zero)
            {
                await Task.Delay(wait, _stop.Token);
                Interlocked.Increment(ref _lateMessages);
            }

            await client.WriteAsync(bytes, _stop.Token);
        }
    }
}
