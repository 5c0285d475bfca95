namespace NanoRecSys.Training.Pipeline;

/// <summary>Which stages of a run are done, in <c>work/DATA/run.json</c> until the run ends: the same command continues an interrupted run.</summary>
internal sealed class RunJournal
{
    private readonly TrainingRun _run;
    private readonly string _path;
    private RunRecord _record;

    private RunJournal(TrainingRun run, string path, RunRecord record) => (_run, _path, _record) = (run, path, record);

    /// <summary>Whether an earlier attempt at the same run was interrupted.</summary>
    public static bool IsInterrupted(Workspace workspace, string command) => Read(workspace)?.Command == command;

    /// <param name="command">The command; an interrupted run of another command is discarded.</param>
    /// <param name="data">What <c>--data</c> names; if it changed since, the run is not continued.</param>
    public static async Task<RunJournal> OpenAsync(TrainingRun run, string command, string data)
    {
        Workspace workspace = run.Context.Workspace;
        var start = new RunRecord(command, [], null);
        RunRecord record = Read(workspace) is { } interrupted && interrupted.Command == command ? interrupted : start;
        if (record.Done.Count > 0 && await WhyChangedAsync(data, run.Context) is { } reason)
        {
            run.Console.WriteLine($"The interrupted run is not continued: {reason}");
            record = start;
        }

        string after = record.Done.Count > 0 ? $" after {string.Join(", ", record.Done)}" : "";
        string during = record.Begun is { } begun ? $" in {begun}" : "";
        if (after.Length + during.Length > 0)
        {
            run.Console.WriteLine($"Continuing the interrupted run{after}{(after.Length > 0 && during.Length > 0 ? "," : "")}{during}.");
        }

        return new RunJournal(run, workspace.RunFile, record);
    }

    /// <summary>Runs a stage unless it is already done.</summary>
    /// <param name="step">The stage; receives whether an earlier attempt started it.</param>
    public async Task StageAsync<T>(string name, Func<bool, StepContext, Task<T>> step)
    {
        if (_record.Done.Contains(name))
        {
            _run.Skip();
            return;
        }

        bool wasBegun = _record.Begun == name;
        Write(_record with { Begun = name });
        await _run.StageAsync(name, context => step(wasBegun, context));
        Write(_record with { Begun = null, Done = [.. _record.Done, name] });
    }

    /// <inheritdoc cref="StageAsync{T}(string, Func{bool, StepContext, Task{T}})"/>
    public Task StageAsync<T>(string name, Func<StepContext, Task<T>> step) => StageAsync(name, (_, context) => step(context));

    /// <summary>Marks the run as ended, so there is nothing to continue.</summary>
    public void Close() => File.Delete(_path);

    private void Write(RunRecord record)
    {
        _record = record;
        Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
        AtomicFile.Write(_path, JsonSerializer.SerializeToUtf8Bytes(record, TrainingJson.Default.RunRecord));
    }

    private static RunRecord? Read(Workspace workspace)
    {
        try
        {
            return TrainingJson.Read<RunRecord>(workspace.RunFile);
        }
        catch (JsonException)
        {
            return null; // written by another version: the run starts over
        }
    }

    private static async Task<string?> WhyChangedAsync(string data, StepContext context)
    {
        try
        {
            await DatasetSource.RequireUnchangedAsync(data, context.Workspace, context.Cancellation);
            return null;
        }
        catch (UserErrorException e)
        {
            return e.Message;
        }
    }
}

/// <param name="Done">Names of the completed stages.</param>
/// <param name="Begun">The stage that is running, or was interrupted.</param>
internal sealed record RunRecord(string Command, IReadOnlyList<string> Done, string? Begun);
