using NanoRecSys.Benchmarks.Stack;

namespace NanoRecSys.IntegrationTests.Fixtures;

/// <summary>A Redis Cluster of local processes: three masters, each with a replica if requested.</summary>
internal sealed class RedisCluster : IDisposable
{
    public const int Masters = 3;
    private const int Slots = 16384;

    private readonly TemporaryFolder _folder = new();
    private readonly (CacheServer.RedisCache Server, int BusPort)[] _nodes; // masters, then the replica of each

    private RedisCluster(int nodes, int nodeTimeout)
    {
        _nodes = [.. Enumerable.Range(0, nodes).Select(i => (i, Bus: LocalStack.FreePort())).Select(node => (new CacheServer.RedisCache(
            "--cluster-enabled", "yes", "--cluster-config-file", _folder.File($"{node.i}.conf"), "--cluster-node-timeout", $"{nodeTimeout}", "--cluster-port", $"{node.Bus}",
            "--repl-diskless-sync-delay", "0", "--dir", _folder.Path, "--dbfilename", $"{node.i}.rdb"), node.Bus))];
    }

    /// <summary>Addresses of two masters; clients discover the others.</summary>
    public string ConnectionString => $"{_nodes[0].Server.ConnectionString},{_nodes[1].Server.ConnectionString}";

    /// <param name="isReplicated">Whether each master has a replica.</param>
    /// <param name="nodeTimeout">Milliseconds after which a silent node counts as failed.</param>
    public static async Task<RedisCluster> StartAsync(bool isReplicated, int nodeTimeout)
    {
        var cluster = new RedisCluster(isReplicated ? 2 * Masters : Masters, nodeTimeout);
        try
        {
            Array.ForEach(cluster._nodes, node => node.Server.Start());
            await cluster.FormAsync();
            return cluster;
        }
        catch
        {
            cluster.Dispose();
            throw;
        }
    }

    /// <summary>The first user id from 7000 on whose keys are on a master.</summary>
    /// <param name="slotOf">Maps a user to the slot of the user's keys.</param>
    public static int UserOf(int master, Func<int, int> slotOf) => Enumerable.Range(7000, 1000).First(user => slotOf(user) >= FirstSlot(master) && slotOf(user) < FirstSlot(master + 1));

    public void Kill(int node) => _nodes[node].Server.Kill();

    public void Restart(int node) => _nodes[node].Server.Start();

    /// <returns>The node's reply.</returns>
    public async Task<string> ExecuteAsync(int node, params string[] command)
    {
        using Process cli = Process.Start(new ProcessStartInfo("redis-cli", ["-p", $"{_nodes[node].Server.Port}", .. command]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        string answer = await cli.StandardOutput.ReadToEndAsync();
        await cli.WaitForExitAsync();
        return answer.Trim();
    }

    /// <summary>Waits until a node's reply contains a word.</summary>
    public Task UntilAsync(int node, string word, params string[] command) =>
        ApiServer.UntilAsync($"node {node} answers {word}", async () => (await ExecuteAsync(node, command)).Contains(word, StringComparison.Ordinal));

    public void Dispose()
    {
        Array.ForEach(_nodes, node => node.Server.Dispose());
        _folder.Dispose();
    }

    private static int FirstSlot(int master) => master * Slots / Masters;

    private async Task FormAsync()
    {
        for (int node = 0; node < _nodes.Length; node++)
        {
            await ExecuteAsync(node, "CLUSTER", "SET-CONFIG-EPOCH", $"{node + 1}");
            if (node < Masters)
            {
                await ExecuteAsync(node, "CLUSTER", "ADDSLOTSRANGE", $"{FirstSlot(node)}", $"{FirstSlot(node + 1) - 1}");
            }

            if (node > 0)
            {
                await ExecuteAsync(0, "CLUSTER", "MEET", "127.0.0.1", $"{_nodes[node].Server.Port}", $"{_nodes[node].BusPort}");
            }
        }

        for (int replica = Masters; replica < _nodes.Length; replica++)
        {
            string master = await ExecuteAsync(replica - Masters, "CLUSTER", "MYID");
            await UntilAsync(replica, "OK", "CLUSTER", "REPLICATE", master);
        }

        for (int node = 0; node < _nodes.Length; node++)
        {
            await UntilAsync(node, "cluster_state:ok", "CLUSTER", "INFO");
            await UntilAsync(node, $"cluster_known_nodes:{_nodes.Length}", "CLUSTER", "INFO");
            if (node >= Masters)
            {
                await UntilAsync(node, "master_link_status:up", "INFO", "replication");
            }
        }
    }
}
