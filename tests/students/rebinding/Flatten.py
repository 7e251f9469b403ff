class Flatten():
    def forward(self, A_prev):
        self.s = A_prev.shape
        return A_prev.reshape(A_prev.shape[0], -1)
    def backward(self, dA):
        return dA.reshape(self.s)
