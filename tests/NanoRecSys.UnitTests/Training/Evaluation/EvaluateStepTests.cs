using System.Text.Json;
using NanoRecSys.Core.Evaluation;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Evaluation;
using NanoRecSys.Training.Pipeline;
using NanoRecSys.UnitTests.Fixtures;

namespace NanoRecSys.UnitTests.Training.Evaluation;

public sealed class EvaluateStepTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Results_are_saved_by_model_and_a_second_evaluation_replaces_its_split_only()
    {
        StepContext context = await PrepareAsync();

        await EvaluateStep.RunAsync(new EvaluateOptions { Models = ["popularity"] }, context);
        await EvaluateStep.RunAsync(new EvaluateOptions { Models = ["popularity"], Splits = [HeldOut.Validation] }, context);

        IReadOnlyList<EvaluationResult> saved = MetricsFile.Read(context.Workspace, "popularity");
        Assert.Equal(["test", "validation"], saved.Select(result => result.Split));
    }

    [Fact]
    public async Task Every_look_at_the_test_split_is_logged_and_none_at_validation()
    {
        StepContext context = await PrepareAsync();

        await EvaluateStep.RunAsync(new EvaluateOptions { Models = ["popularity"], Splits = [HeldOut.Validation] }, context);
        await EvaluateStep.RunAsync(new EvaluateOptions { Models = ["popularity"], Splits = [HeldOut.Test] }, context);
        await EvaluateStep.RunAsync(new EvaluateOptions { Models = ["popularity"], Splits = [HeldOut.Test] }, context);

        string log = Path.Combine(Path.GetDirectoryName(context.Workspace.MetricsFolder)!, MetricsFile.TestLog);
        Assert.Equal(2, File.ReadAllLines(log).Length);
    }

    [Fact]
    public async Task Unknown_models_are_refused_with_the_names_that_there_are()
    {
        StepContext context = await PrepareAsync();

        var error = await Assert.ThrowsAsync<UserErrorException>(() => EvaluateStep.RunAsync(new EvaluateOptions { Models = ["oracle"] }, context));

        Assert.StartsWith("There is no model 'oracle' to evaluate; there are popularity, item-knn", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_line_for_programs_is_flat()
    {
        StepContext context = await PrepareAsync();
        IReadOnlyList<EvaluationResult> results = await EvaluateStep.RunAsync(new EvaluateOptions { Models = ["popularity"], Splits = [HeldOut.Test] }, context);

        using JsonDocument line = JsonDocument.Parse(EvaluationJson.Line(results));

        Assert.Equal("popularity", line.RootElement.GetProperty("model").GetString());
        Assert.Equal(1, line.RootElement.GetProperty("users").GetInt32());
        Assert.Equal(1, line.RootElement.GetProperty("hr@10").GetDouble());
    }

    private async Task<StepContext> PrepareAsync()
    {
        await File.WriteAllTextAsync(_folder.File("ratings.csv"), "1,10,5,1\n1,11,5,2\n1,12,5,3\n");
        StepContext context = StepContexts.In(_folder.File("artifacts"), "tiny");
        await PrepareStep.RunAsync(new PrepareOptions { Data = _folder.Path }, context);
        return context;
    }
}
