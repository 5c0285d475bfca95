using System.Text;
using System.Text.Json;
using NanoRecSys.Core.Evaluation;

namespace NanoRecSys.Training.Evaluation;

/// <summary>
/// Figures for programs, on one line: <c>{"model":"retriever","split":"test","users":671,...,"hr@10":0.1}</c>;
/// an array of such objects where several models or splits were asked for. <c>comparable</c> is false where the
/// protocol is not the full ranking.
/// </summary>
public static class EvaluationJson
{
    private const int Digits = 6;

    public static string Line(EvaluationReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            if (report is { Results: [], HeldOutItems: { } heldOut })
            {
                Write(json, heldOut);
            }
            else if (report.Results is [var only])
            {
                Write(json, only, report.Differences);
            }
            else
            {
                json.WriteStartArray();
                foreach (EvaluationResult result in report.Results)
                {
                    Write(json, result, report.Differences);
                }

                json.WriteEndArray();
            }
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    private static void Write(Utf8JsonWriter json, EvaluationResult result, IReadOnlyList<PairedDifference> differences)
    {
        json.WriteStartObject();
        json.WriteString("model", result.Model);
        json.WriteString("split", result.Split);
        json.WriteNumber("users", result.Users);
        json.WriteNumber("items", result.Items);
        json.WriteString("exclude", result.Exclude);
        if (result.Window is { } window)
        {
            json.WriteNumber("window", window);
        }

        json.WriteString("protocol", result.Protocol);
        json.WriteBoolean("comparable", result.IsComparable);
        WriteMetrics(json, result.Metrics);
        WriteIntervals(json, result.Intervals);
        WriteArray(json, "versus", [.. DifferencesOf(result, differences)], difference => Write(json, difference));
        WriteArray(json, "slices", result.Slices ?? [], slice => Write(json, slice));
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, HeldOutItemsReport report)
    {
        json.WriteStartObject();
        json.WriteNumber("users", report.Cases);
        json.WriteNumber("items", report.KnownItems);
        json.WriteNumber("new_items", report.NewItems);
        foreach (HeldOutItemsResult result in report.Results)
        {
            json.WriteStartObject(result.Model.Replace(' ', '_'));
            WriteMetrics(json, result.AmongAll);
            json.WriteStartObject("among_new");
            WriteMetrics(json, result.AmongNew);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static IEnumerable<PairedDifference> DifferencesOf(EvaluationResult result, IReadOnlyList<PairedDifference> differences) =>
        differences.Where(difference => difference.Split == result.Split && (difference.Model == result.Model || difference.Other == result.Model))
            .Select(difference => difference.Model == result.Model ? difference : difference.Reversed);

    private static void WriteMetrics(Utf8JsonWriter json, IReadOnlyDictionary<string, double> metrics)
    {
        foreach ((string name, double value) in metrics)
        {
            json.WriteNumber(name, Math.Round(value, Digits));
        }
    }

    private static void WriteIntervals(Utf8JsonWriter json, IReadOnlyDictionary<string, ConfidenceInterval>? intervals)
    {
        if (intervals is null)
        {
            return;
        }

        json.WriteStartObject("intervals");
        foreach ((string name, ConfidenceInterval interval) in intervals)
        {
            json.WritePropertyName(name);
            Write(json, interval);
        }

        json.WriteEndObject();
    }

    /// <summary>An array of objects, left out where it would be empty.</summary>
    private static void WriteArray<T>(Utf8JsonWriter json, string name, IReadOnlyCollection<T> values, Action<T> write)
    {
        if (values.Count == 0)
        {
            return;
        }

        json.WriteStartArray(name);
        foreach (T value in values)
        {
            json.WriteStartObject();
            write(value);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void Write(Utf8JsonWriter json, PairedDifference difference)
    {
        json.WriteString("model", difference.Other);
        json.WriteString("metric", difference.Metric);
        json.WriteNumber("difference", Math.Round(difference.Difference, Digits));
        json.WritePropertyName("interval");
        Write(json, difference.Interval);
        json.WriteBoolean("significant", difference.IsSignificant);
    }

    private static void Write(Utf8JsonWriter json, EvaluationSlice slice)
    {
        json.WriteString("by", slice.By);
        json.WriteString("slice", slice.Name);
        json.WriteNumber("from", slice.From);
        json.WriteNumber("to", slice.To);
        json.WriteNumber("users", slice.Users);
        WriteMetrics(json, slice.Metrics);
    }

    private static void Write(Utf8JsonWriter json, ConfidenceInterval interval)
    {
        json.WriteStartArray();
        json.WriteNumberValue(Math.Round(interval.Low, Digits));
        json.WriteNumberValue(Math.Round(interval.High, Digits));
        json.WriteEndArray();
    }
}
