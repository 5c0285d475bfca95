using System.Text;
using NanoRecSys.Api.Telemetry;

namespace NanoRecSys.UnitTests.Api.Telemetry;

public sealed class ReplicaTrafficTests
{
    private readonly ManualTime _clock = new();
    private readonly ReplicaTraffic _others;
    private readonly TelemetryWindow _here;
    private readonly TelemetryWindow _there;

    public ReplicaTrafficTests()
    {
        _others = new ReplicaTraffic(_clock);
        _here = new TelemetryWindow(_clock, _others);
        _there = new TelemetryWindow(_clock);
    }

    [Theory]
    [InlineData(60)]
    [InlineData(1800)]
    public void Figures_of_another_replica_are_read_like_own_ones(int windowSeconds)
    {
        _here.Add(Trace("here", 1), cacheAnswered: false);
        _there.Add(Trace("slow", 100), cacheAnswered: true);
        _there.Add(Trace("hit", 1) with { ServedFromCache = true, CacheSource = "redis" }, cacheAnswered: true);
        _there.CountError("cache");
        Send("a");

        TelemetrySnapshot both = _here.Read(windowSeconds);

        Assert.Equal((3, 0.5), (both.Requests, both.CacheHitRatio));
        Assert.Equal([("live", 3)], both.Modes.Select(mode => (mode.Key, mode.Value)));
        Assert.Equal([("cache", 1)], both.Errors.Select(error => (error.Key, error.Value)));
        Assert.Equal([("redis", 1)], both.CacheHits.Select(hits => (hits.Key, hits.Value)));
        StageLatency total = both.Stages.Single(stage => stage.Stage == "total");
        Assert.Equal(3, total.Count);
        Assert.InRange(total.P99Ms, 98, 102);
        Assert.Equal("slow", both.Slowest[0].RequestId);
        Assert.Equal(["here", "hit", "slow"], both.Recent.Select(trace => trace.RequestId).Order());
        Assert.Equal(3, both.Series[^1].Requests);
    }

    [Fact]
    public void Maxima_of_three_replicas_in_one_second_add_up_and_of_two_seconds_the_larger_is_kept()
    {
        _here.ObserveQueue(2);
        _there.ObserveQueue(3);
        Send("a");
        Send("b");
        _clock.Advance(1);
        _here.ObserveQueue(1);

        Assert.Equal([8, 1], _here.Read(60).Series.Select(point => point.QueueDepth));
        Assert.Equal(8, Assert.Single(_here.Read(1800).Series).QueueDepth);
    }

    [Fact]
    public void A_silent_replica_is_no_longer_counted_but_its_answers_are()
    {
        _there.Add(Trace("there", 1), cacheAnswered: false);
        Send("a");
        Assert.Equal((1, 9), (_others.Count, _others.With(Load).QueueLimit + _others.With(Load).QueueDepth));
        _clock.Advance(6);

        Assert.Equal((0, Load), (_others.Count, _others.With(Load)));
        Assert.Equal(1, _here.Read(60).Requests);
    }

    [Theory]
    [InlineData(11)]
    [InlineData(-301)]
    public void Figures_of_a_clock_far_from_the_local_one_are_ignored(int seconds)
    {
        _clock.Advance(1000);
        _here.Add(Trace("here", 1), cacheAnswered: false);
        _clock.Advance(seconds);
        _there.Add(Trace("there", 1), cacheAnswered: false);
        ReplicaSecond message = Message("a");
        _clock.Advance(-seconds);

        _others.Receive(message);

        Assert.Equal(1, _here.Read(60).Requests);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("""{"replica":"a","figures":null,"newest":[],"load":null}""")]
    public void A_message_of_another_kind_is_skipped(string message) =>
        Assert.Null(ReplicaSecond.Read(Encoding.UTF8.GetBytes(message)));

    [Theory]
    [InlineData(new[] { 480, 1 })]
    [InlineData(new[] { -1, 1 })]
    [InlineData(new[] { 1, -1 })]
    [InlineData(new[] { 1 })]
    public void An_invalid_histogram_counts_nothing(int[] pairs)
    {
        SlotFigures figures = new TrafficSlot(Second).ReadFigures() with { Stages = new Dictionary<string, int[]> { ["total"] = pairs } };

        Assert.Throws<FormatException>(() => _others.Receive(new ReplicaSecond("a", figures, [], Load)));

        Assert.Equal((0, 0), (_others.Count, _here.Read(60).Requests));
    }

    private static ComputeLoad Load => new(1, 2, 1, 2, 0);
    private long Second => _clock.GetUtcNow().ToUnixTimeSeconds();

    private void Send(string replica) => _others.Receive(ReplicaSecond.Read(Message(replica).Write())!);

    private ReplicaSecond Message(string replica)
    {
        long seen = 0;
        return new ReplicaSecond(replica, _there.FindSecond(Second)!.ReadFigures(), _there.ReadNew(ref seen, 8), new ComputeLoad(0, 2, 2, 4, 0));
    }

    private RequestTrace Trace(string id, double milliseconds) =>
        new(id, _clock.GetUtcNow(), "live", false, milliseconds, [new StageTiming("encode", 0, milliseconds)], "v1");
}
