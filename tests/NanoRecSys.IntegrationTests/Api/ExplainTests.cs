using System.Numerics.Tensors;
using NanoRecSys.Core.Onnx;

namespace NanoRecSys.IntegrationTests.Api;

public sealed class ExplainTests
{
    [Fact]
    public async Task The_only_movie_that_determines_the_score_is_found()
    {
        // This network depends only on the last movie, 1002: the cause is planted.
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(201) { Ranker = null, SeesOnlyTheLast = true });

        JsonElement answer = await api.PostAsync("/recommend", """{"user_id": 11, "k": 5, "explain": true}""");

        Assert.All(answer.GetProperty("reasons").EnumerateArray(), reason =>
        {
            Assert.Equal("history", reason.Text("kind"));
            JsonElement cause = Assert.Single(reason.GetProperty("because").EnumerateArray());
            Assert.Equal(1002, cause.GetProperty("movie").GetProperty("movie_id").GetInt32());
            Assert.True(cause.GetProperty("contribution").GetSingle() > 0);
        });
        Assert.All(answer.GetProperty("explanations").Texts(), text => Assert.StartsWith("Because you watched Movie 1002", text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_contribution_is_the_score_minus_the_score_without_that_movie()
    {
        ApiServer api = await SharedServers.Unranked;
        ArtifactVersion version = api.Store.Open(api.Store.ReadCurrent()!);
        (float[] vectors, int width) = NpyFile.Read(version.PathOf(ArtifactNames.ItemEmbeddings));
        using var tower = new OnnxUserTower(version.PathOf(version.Manifest.UserTower.File), version.Manifest.Model);

        JsonElement answer = await api.PostAsync("/recommend", """{"user_id": 11, "k": 3, "explain": true}""");

        int[] history = [2, 0, 1]; // of the quiet user
        for (int k = 0; k < 3; k++)
        {
            int row = answer.MovieIds()[k] - 1001;
            float Score(int[] rows) => TensorPrimitives.Dot(tower.Encode(rows), vectors.AsSpan(row * width, width));
            float[] drops = [.. history.Select(left => Score(history) - Score([.. history.Where(item => item != left)]))];
            JsonElement[] because = [.. answer.GetProperty("reasons")[k].GetProperty("because").EnumerateArray()];
            Assert.Equal(
                history.Zip(drops).Where(item => item.Second > 0 && item.Second >= 0.1f * drops.Max()).OrderByDescending(item => item.Second).Select(item => 1001 + item.First),
                because.Select(cause => cause.GetProperty("movie").GetProperty("movie_id").GetInt32()));
            Assert.All(because, cause => Assert.Equal(
                drops[Array.IndexOf(history, cause.GetProperty("movie").GetProperty("movie_id").GetInt32() - 1001)], cause.GetProperty("contribution").GetSingle(), 1e-4f));
        }
    }

    [Fact]
    public async Task A_single_movie_is_the_whole_reason_and_shared_genres_are_named()
    {
        ApiServer api = await SharedServers.Ranked;

        JsonElement answer = await api.PostAsync("/recommend/session", """{"movie_ids": [1002, 1002], "k": 57, "explain": true}""");

        Assert.All(answer.GetProperty("reasons").EnumerateArray(), reason =>
            Assert.Equal(1002, Assert.Single(reason.GetProperty("because").EnumerateArray()).GetProperty("movie").GetProperty("movie_id").GetInt32()));
        int sibling = Array.IndexOf(answer.MovieIds(), 1005); // Drama, like 1002
        Assert.Equal(["Drama"], answer.GetProperty("reasons")[sibling].GetProperty("shared_genres").Texts());
        Assert.Equal("Because you watched Movie 1002 (shared: Drama).", answer.GetProperty("explanations")[sibling].GetString());
    }

    [Fact]
    public async Task With_a_ranker_the_served_score_is_explained()
    {
        ApiServer api = await SharedServers.Ranked;

        JsonElement answer = await api.PostAsync("/recommend", """{"user_id": 7, "k": 10, "explain": true}""");

        // Of fifty movies the model reads the last twenty; a contribution is at most the whole sigmoid.
        Assert.All(answer.GetProperty("reasons").EnumerateArray(), reason =>
            Assert.All(reason.GetProperty("because").EnumerateArray(), cause =>
            {
                Assert.InRange(cause.GetProperty("contribution").GetSingle(), 0, 1);
                Assert.InRange(cause.GetProperty("movie").GetProperty("movie_id").GetInt32(), 1031, 1050);
            }));
    }
}
