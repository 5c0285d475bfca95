namespace NanoRecSys.AppHost.AspireMode;

/// <summary>Keeps what the API acknowledges: Redis answers a write once it is on disk.</summary>
internal static class DurableRedis
{
    // Events have no time to live, answers have one: a full Redis lets answers go and refuses events.
    private static readonly string[] Options = ["--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "volatile-lru"];

    public static IResourceBuilder<RedisResource> WithDurableWrites(this IResourceBuilder<RedisResource> redis) => redis.WithArgs(context =>
    {
        // Published, the whole command is one argument of a shell; run, each option is one of its own.
        int shell = context.Args.IndexOf("-c");
        if (shell >= 0)
        {
            context.Args[shell + 1] = $"{context.Args[shell + 1]} {string.Join(' ', Options)}";
            return;
        }

        foreach (string option in Options)
        {
            context.Args.Add(option);
        }
    });
}
