using StackExchange.Redis;
using Garnet;
using NanoRecSys.Benchmarks.Stack;

namespace NanoRecSys.IntegrationTests.Fixtures;

/// <summary>A Redis-compatible server on a free port that can be killed and restarted on the same port.</summary>
internal abstract class CacheServer : IDisposable
{
    public const string Garnet = "garnet";
    public const string Redis = "redis-server";

    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(20);

    public int Port { get; } = LocalStack.FreePort();
    public string Password { get; init; } = ""; // empty: none required
    public string? Authority { get; init; } // PEM file of its certificate authority if it accepts only TLS; null: plain text

    public string ConnectionString => $"127.0.0.1:{Port}";

    public static TheoryData<string> Kinds => [Garnet, Redis]; // tests are skipped for redis-server if it is not installed

    public static CacheServer Create(string kind) => kind == Garnet ? new GarnetCache() : new RedisCache();

    public static CacheServer Start(string kind)
    {
        CacheServer server = Create(kind);
        server.Start();
        return server;
    }

    public static RedisCache StartRedis(params string[] options)
    {
        var server = new RedisCache(options);
        server.Start();
        return server;
    }

    /// <summary>Starts it and returns once it answers.</summary>
    public abstract void Start();

    /// <summary>Stops it without notifying its clients.</summary>
    public abstract void Kill();

    public void Dispose() => Kill();

    /// <summary>Polls until it answers. A refused connection fails at once, so the client's own retry limit is no timeout.</summary>
    protected void WaitUntilReady()
    {
        ConfigurationOptions options = ConfigurationOptions.Parse($"{ConnectionString},abortConnect=true,connectTimeout=500,password={Password}");
        if (Authority is not null)
        {
            options.Ssl = true;
            options.TrustIssuer(Authority);
        }

        var waited = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                using ConnectionMultiplexer connection = ConnectionMultiplexer.Connect(options);
                connection.GetDatabase().Ping();
                return;
            }
            catch (RedisException) when (waited.Elapsed < StartLimit)
            {
                Thread.Sleep(20);
            }
        }
    }

    private sealed class GarnetCache : CacheServer
    {
        private GarnetServer? _server;

        public override void Start()
        {
            _server = new GarnetServer(["--port", $"{Port}", "--bind", "127.0.0.1", "--memory", "64m", "--index", "1m", "-q"]);
            _server.Start();
            WaitUntilReady();
        }

        public override void Kill()
        {
            _server?.Dispose();
            _server = null;
        }
    }

    internal sealed class RedisCache(params string[] options) : CacheServer
    {
        private Process? _process;

        private string[] Listening => Authority is null ? ["--port", $"{Port}"] : ["--port", "0", "--tls-port", $"{Port}", "--tls-ca-cert-file", Authority];

        public override void Start()
        {
            try
            {
                _process = Process.Start(new ProcessStartInfo("redis-server", [.. Listening, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", .. options])
                {
                    RedirectStandardOutput = true,
                });
            }
            catch (System.ComponentModel.Win32Exception)
            {
                Assert.Skip("redis-server is not installed.");
            }

            _process!.OutputDataReceived += (_, _) => { }; // drained, so that the server never blocks on a full pipe
            _process.BeginOutputReadLine();
            WaitUntilReady();
        }

        public async Task<RedisResult> ExecuteAsync(string command, params object[] arguments)
        {
            await using ConnectionMultiplexer connection = await ConnectionMultiplexer.ConnectAsync($"{ConnectionString},allowAdmin=true");
            return await connection.GetDatabase().ExecuteAsync(command, arguments);
        }

        /// <summary>Keeps its connections but stops answering, like a machine that swaps.</summary>
        public void Freeze() => Signal("-STOP");

        public void Thaw() => Signal("-CONT");

        private void Signal(string signal)
        {
            using Process kill = Process.Start("kill", [signal, $"{_process!.Id}"]);
            kill.WaitForExit();
        }

        public override void Kill()
        {
            _process?.Kill();
            _process?.WaitForExit();
            _process?.Dispose();
            _process = null;
        }
    }
}
