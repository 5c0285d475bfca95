using NanoRecSys.Web.Client;

namespace NanoRecSys.UnitTests.Web;

public sealed class PatientReadinessTests
{
    [Theory]
    [InlineData("Away", "Away")] // Nothing stands that one could wait for.
    [InlineData("Ready,Ready", "Ready,Away,Ready")] // One poll that nobody answered
    [InlineData("Ready,NotReady", "Ready,Away,NotReady")]
    [InlineData("Ready,Away,Ready", "Ready,Away,Away,Ready")] // and two.
    public async Task One_poll_that_nobody_answers_takes_no_page_away_and_two_do(string expected, string answers)
    {
        var left = new Queue<ReadinessState>(answers.Split(',').Select(Enum.Parse<ReadinessState>));
        var patient = new PatientReadiness(_ => Task.FromResult(new Readiness(left.Dequeue(), null, [])));

        var seen = new List<ReadinessState>();
        while (left.Count > 0)
        {
            seen.Add((await patient.ReadAsync(TestContext.Current.CancellationToken)).State);
        }

        Assert.Equal(expected, string.Join(',', seen));
    }
}
