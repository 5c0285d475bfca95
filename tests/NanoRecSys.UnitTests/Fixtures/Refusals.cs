namespace NanoRecSys.UnitTests.Fixtures;

internal static class Refusals
{
    extension(Assert)
    {
        /// <summary>Asserts that the step fails with a one-line message that contains these parts in this order.</summary>
        public static async Task RefusedAsync(Func<Task> step, params string[] parts) => AssertMessage(await Assert.ThrowsAsync<UserErrorException>(step), parts);

        public static void Refused<TException>(Action step, params string[] parts)
            where TException : Exception => AssertMessage(Assert.Throws<TException>(step), parts);
    }

    private static void AssertMessage(Exception error, string[] parts)
    {
        int from = 0;
        foreach (string part in parts)
        {
            Assert.Contains(part, error.Message[from..], StringComparison.Ordinal);
            from = error.Message.IndexOf(part, from, StringComparison.Ordinal) + part.Length;
        }

        Assert.DoesNotContain('\n', error.Message);
    }
}
