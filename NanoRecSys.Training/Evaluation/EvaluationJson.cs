using System.Text;
using System.Text.Json;
using NanoRecSys.Core.Evaluation;

namespace NanoRecSys.Training.Evaluation;

/// <summary>
/// Figures for programs, on one line: <c>{"model":"retriever","split":"test","users":671,...,"hr@10":0.1}</c>;
/// an array of such objects where several models or splits were asked for.
/// </summary>
public static class EvaluationJson
{
    public static string Line(IReadOnlyList<EvaluationResult> results)
    {
        ArgumentNullException.ThrowIfNull(results);
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            if (results is [var only])
            {
                Write(json, only);
            }
            else
            {
                json.WriteStartArray();
                foreach (EvaluationResult result in results)
                {
                    Write(json, result);
                }

                json.WriteEndArray();
            }
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    private static void Write(Utf8JsonWriter json, EvaluationResult result)
    {
        json.WriteStartObject();
        json.WriteString("model", result.Model);
        json.WriteString("split", result.Split);
        json.WriteNumber("users", result.Users);
        json.WriteNumber("items", result.Items);
        json.WriteString("exclude", result.Exclude);
        foreach ((string name, double value) in result.Metrics)
        {
            json.WriteNumber(name, Math.Round(value, 6));
        }

        json.WriteEndObject();
    }
}
